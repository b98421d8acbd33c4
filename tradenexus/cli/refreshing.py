"""Bring entries of the lake up to date: candidates in, the plan in words, what became of each when it is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from tradenexus.cli import invocation, waiting
from tradenexus.cli.failures import Failure, Missing, Usage
from tradenexus.cli.output import Column

COLUMNS = (
    Column("ID", "id"),
    Column("STATE", "state", state=True),
    Column("TOTAL", "total", right=True),
    Column("FRESH", "counts.fresh", right=True, drop=4),
    Column("COMMITTED", "counts.committed", right=True, drop=3),
    Column("QUARANTINED", "counts.quarantined", right=True, drop=3),
    Column("FAILED", "counts.failed", right=True, drop=2),
    Column("CREATED", "createdAt", drop=5),
    Column("SOURCE", "source", drop=6),
)
ITEMS = (
    Column("TABLE", "table"),
    Column("INSTRUMENT", "instrument"),
    Column("VENDOR", "vendor", drop=2),
    Column("OUTCOME", "outcome", state=True),
    Column("ROWS", "rows", right=True, drop=3),
    Column("FINDINGS", "found", drop=4),
    Column("REASON", "why", drop=1),
)
PLAN = (
    Column("TABLE", "table"),
    Column("INSTRUMENT", "instrument"),
    Column("VENDOR", "vendor", drop=1),
    Column("WHY", "why"),
)


def hand_in(nx: invocation.Invocation, body: dict[str, Any], plan: bool, wait: bool) -> None:
    """Hand candidates in, or only say what would be done; Failure when it is waited for and one failed."""
    told = nx.client.post(f"/v1/lake/candidates{'?plan=1' if plan else ''}", body)
    for each in told["plan"]["refused"]:
        nx.out.warn(f"{each['candidate']}: {each['reason']} ({each['code']})")
    if plan:
        planned(nx, told["plan"])
        return
    nx.out.note(told["plan"]["words"])
    run = told["ingest"]
    if not wait:
        nx.out.facts(run, COLUMNS, f"nexus ingest show {run['id']} - Web: {nx.web('lakehouse', 'ingests', run['id'])}")
        return
    follow(nx, run["id"], told["jobs"])


def follow(nx: invocation.Invocation, ref: str, jobs: list[dict[str, Any]]) -> None:
    """Wait for the jobs of an ingest and show what became of each candidate; Failure when one failed."""
    for job in jobs:
        waiting.follow(nx, job, again=f"nexus ingest show {ref}")
    run = shown(nx, ref)
    failed = run["counts"]["failed"]
    if failed:
        hint = f"nexus ingest show {ref} --outcome failed"
        raise Failure(f"{failed} of {run['total']} could not be brought up to date", code="INGEST_FAILED", hint=hint)


def planned(nx: invocation.Invocation, made: dict[str, Any]) -> None:
    """Show a plan."""
    if nx.out.structured:
        nx.out.document(made)
    else:
        nx.out.rows([*made["queued"], *made["fresh"]], PLAN, made["words"])


def shown(nx: invocation.Invocation, ref: str, outcome: str | None = None) -> dict[str, Any]:
    """Show what became of each candidate; return the ingest."""
    run = nx.client.get(f"/v1/lake/ingests/{ref}")["ingest"]
    items = list(nx.client.pages(f"/v1/lake/ingests/{ref}/items", {"outcome": outcome}, limit=200_000))
    if nx.out.structured:
        nx.out.document({**run, "items": items})
    else:
        counts = ", ".join(f"{count} {state}" for state, count in run["counts"].items() if count)
        nx.out.rows(_rows(items), ITEMS, f"{run['state']}: {counts or 'nothing'}")
    return dict(run)


def _rows(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in items:
        found = ", ".join(f"{one['code']} {one.get('sessions', one.get('days'))}" for one in each["findings"])
        why = f"{each['code']}: {each['reason']}" if each["code"] else each["reason"]
        yield {**each, "found": found, "why": why}


def chosen(nx: invocation.Invocation, selectors: list[str], asked: dict[str, Any]) -> list[dict[str, str]]:
    """Return the entries of the lake that match the filters and any of the selectors, as candidates.

    A selector is TABLE/VENUE:SYMBOL, VENUE:SYMBOL or TABLE, with * for any part. Missing when one matches nothing.
    """
    listed = nx.client.pages("/v1/lake/entries", asked, limit=1_000_000)
    # features are built from the lake's own bars: no vendor has them
    held = [(item["table"], item["instrument"]) for item in listed if item["vendor"] != "derived"]
    wanted: dict[tuple[str, str], None] = {} if selectors else dict.fromkeys(held)
    for selector in selectors:
        found = [entry for entry in held if matches(selector, *entry)]
        if not found:
            hint = "nexus lake list shows what it holds; nexus ingest refresh brings new instruments in"
            raise Missing(f"the lake has no entry {selector!r}", hint=hint)
        wanted |= dict.fromkeys(found)
    if not wanted:
        raise Usage("no entry of the lake matches", hint="nexus lake list")
    return [{"instrument": instrument, "table": table} for table, instrument in wanted]


def matches(selector: str, table: str, instrument: str) -> bool:
    """Tell whether a selector means an entry."""
    if "/" in selector:
        return fnmatchcase(f"{table}/{instrument}", selector)
    return fnmatchcase(instrument if ":" in selector else table, selector)
