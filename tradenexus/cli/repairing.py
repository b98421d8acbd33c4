"""What `nexus lake repair` and `nexus lake repairs` send and show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tradenexus.cli import waiting
from tradenexus.cli.failures import Failure
from tradenexus.cli.output import Column

if TYPE_CHECKING:
    from tradenexus.cli.invocation import Invocation

COLUMNS = (
    Column("ID", "id"),
    Column("STATE", "state", state=True),
    Column("GAPS", "found.gaps", right=True),
    Column("RANGES", "found.ranges", right=True, drop=3),
    Column("REPAIRED", "counts.repaired", right=True, drop=2),
    Column("NO DATA", "counts.no_data", right=True, drop=3),
    Column("FAILED", "counts.failed", right=True, drop=2),
    Column("LEFT", "left", right=True, drop=4),
    Column("FILLED", "filled", right=True, drop=1),
    Column("PLAN", "plan", drop=5),
    Column("CREATED", "createdAt", drop=5),
)
RANGES = (
    Column("TABLE", "table"),
    Column("INSTRUMENT", "instrument"),
    Column("FROM", "start"),
    Column("TO", "end", drop=3),
    Column("KIND", "kind", drop=4),
    Column("OUTCOME", "outcome", state=True),
    Column("FILLED", "filled", right=True, drop=2),
    Column("MISSING", "missing", right=True),
    Column("REASON", "why", drop=1),
)


def ask(nx: Invocation, body: dict[str, Any], wait: bool) -> None:
    """Ask for a repair; waited for, a range that failed is a failure."""
    answer = nx.client.post("/v1/lake/repairs", body)
    repair = answer["repair"]
    again = f"nexus lake repairs {repair['id']}"
    if not wait:
        waiting.announce(nx, answer["job"])
        nx.out.facts(_counted(repair), COLUMNS, again)
        return
    job = waiting.follow(nx, answer["job"], again=again)
    repair = show(nx, repair["id"])
    failed = repair["counts"]["failed"]
    if failed or job["state"] != "succeeded":
        why = f"{failed} range(s) could not be repaired" if failed else f"its job is {job['state']}"
        raise Failure(why, code="REPAIR_FAILED", hint=f"{again} --outcome failed" if failed else again)


def show(nx: Invocation, ref: str, outcome: str | None = None) -> dict[str, Any]:
    """Print a repair with its ranges and return it."""
    path = f"/v1/lake/repairs/{ref}"
    repair = nx.client.get(path, {"limit": 1})["repair"]
    items = list(nx.client.pages(path, {"outcome": outcome}, limit=200_000))
    if nx.out.structured:
        nx.out.document({**repair, "items": items})
    else:
        nx.out.rows(_reasons(items), RANGES, _words(repair))
    return dict(repair)


def list_(nx: Invocation, limit: int) -> None:
    """Print the repairs, newest first."""
    items = [_counted(each) for each in nx.client.pages("/v1/lake/repairs", limit=limit)]
    nx.out.rows(items, COLUMNS, f"{len(items)} repairs - Web: {nx.web('lakehouse', 'repairs')}")


def _counted(repair: dict[str, Any]) -> dict[str, Any]:
    return {**repair, "left": repair["counts"]["left"] + repair["found"].get("left", 0)}


def _words(repair: dict[str, Any]) -> str:
    found = repair["found"]
    if not repair["detectedAt"]:
        return f"{repair['state']}: gaps are not known yet"
    counts = ", ".join(f"{count} {state}" for state, count in _counts(repair).items() if count) or "nothing to do"
    beside = [
        (found.get("held", 0), "in the hands of another repair"),
        (found["known"], "answered for by every vendor"),
        (found["noVendor"], "without a vendor"),
    ]
    more = "".join(f"; {count} {words}" for count, words in beside if count)
    more += "".join(
        f"\nwhat is missing cannot be said of {each['table']} ({each['entries']}): {each['why']}"
        for each in found.get("undecided", ())
    )
    return f"{repair['state']}: {found['gaps']} gaps in {found['entries']} entries; ranges: {counts}{more}"


def _counts(repair: dict[str, Any]) -> dict[str, int]:
    return {**repair["counts"], "left": _counted(repair)["left"]}


def _reasons(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in items:
        benign = "benign; " if each["benign"] else ""
        yield {**each, "why": f"{benign}{each['code']}: {each['reason']}" if each["code"] else each["reason"]}
