"""One action on many datasets from the command line: asked about with its count, followed, told one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradenexus.cli import references, waiting
from tradenexus.cli.failures import Clash, Partial, Usage
from tradenexus.cli.output import Column

if TYPE_CHECKING:
    from tradenexus.cli.invocation import Invocation

PLAN = (
    Column("STATUS", "status", state=True),
    Column("DATASETS", "count", right=True),
    Column("ALLOWED", "allowed"),
)
OUTCOMES = (
    Column("NAME", "name"),
    Column("OUTCOME", "state", state=True),
    Column("VERSION", "version", right=True, drop=3),
    Column("REASON", "reason", drop=2),
    Column("JOB", "jobId", drop=4),
    Column("ID", "datasetId", drop=1),
)
FACTS = (
    Column("id", "id"),
    Column("action", "action"),
    Column("state", "state", state=True),
    Column("total", "total"),
    Column("done", "done"),
    Column("refused", "refused"),
    Column("pending", "pending"),
    Column("job", "jobId"),
)


def selection(nx: Invocation, refs: list[str], everything: bool, filters: dict[str, str]) -> dict[str, Any]:
    """Return the part of the request that says which datasets; Usage unless it is exactly one of refs and filters."""
    if refs and (filters or everything):
        raise Usage("name datasets, or say --all and filters, not both")
    if refs:
        return {"ids": [references.resolve(nx.client, ref).dataset_id for ref in refs]}
    if not everything:
        raise Usage("which datasets?", hint="name some, or --all with filters: --all --state ready")
    return {"filter": filters}


def plan(nx: Invocation, action: str, which: dict[str, Any]) -> dict[str, Any]:
    """Ask what the action would meet."""
    return nx.client.post("/v1/bulk-actions", {"action": action, **which, "dryRun": True})


def act(nx: Invocation, action: str, which: dict[str, Any], wait: bool) -> None:
    """Ask, act on what was confirmed, with `wait` tell what came of each; Partial or Clash when some were refused."""
    met = plan(nx, action, which)
    nx.confirm(f"{action} {met['allowed']:,} of {met['total']:,} datasets? {met['follows']}")
    answer = nx.client.post("/v1/bulk-actions", {"action": action, **which, "expect": met["total"]})
    row = answer["bulkAction"]
    page = f"Web: {nx.web('datasets', 'bulk', row['id'])}"
    if not wait:
        nx.out.facts(row, FACTS, page)
        return
    waiting.finish(nx, answer["job"], what=action)
    items = list(nx.client.pages(row["links"]["items"]))
    nx.out.rows(items, OUTCOMES, page)
    refused = [item for item in items if item["state"] != "done"]
    if refused:
        kind = Partial if len(refused) < len(items) else Clash
        raise kind(
            f"{len(refused):,} of {len(items):,} datasets were refused",
            why="; ".join(f"{item['name']}: {item['reason']}" for item in refused[:3]),
            hint=f"nexus api GET {row['links']['items']}?state=refused",
        )
