"""`nexus quality`: the report of a version."""

from __future__ import annotations

from typing import Annotated

import typer

from tradenexus.cli import invocation, params, references
from tradenexus.cli.output import Column

app = params.noun("Quality reports.")

CHECKS = (
    Column("GRADE", "grade", state=True),
    Column("CHECK", "id"),
    Column("FAMILY", "family", drop=4),
    Column("MEASURED", "measured", right=True, drop=2),
    Column("LIMIT", "limit", right=True, drop=3),
    Column("COUNT", "count", right=True),
    Column("WHAT", "explanation", drop=1),
)
ACCEPTANCE = (
    Column("check", "check"),
    Column("grade", "grade", state=True),
    Column("version", "version"),
    Column("reason", "reason"),
)
SAMPLES = (
    Column("CHECK", "check"),
    Column("ROW", "row"),
    Column("LINE", "line"),
    Column("TIME", "ts"),
    Column("VALUE", "value"),
)


@app.command()
def show(
    ctx: typer.Context,
    ref: params.Ref,
    failed: Annotated[bool, typer.Option("--failed", help="Only checks that are not green, with their rows.")] = False,
) -> None:
    """Show grade, score and checks of a version. Example: nexus quality show btc --failed"""
    nx = invocation.of(ctx)
    target = references.resolve(nx.client, ref)
    report = nx.client.get(f"{target.path}/quality-report", {"version": target.version})["qualityReport"]
    checks = report.get("checks") or []
    if failed:
        checks = [check for check in checks if check.get("grade") != "GREEN"]
    if nx.out.structured:
        nx.out.document(report | {"checks": checks})
        return
    nx.out.rows(checks, CHECKS)
    if failed:
        nx.out.rows(
            [sample | {"check": check.get("id")} for check in checks for sample in check.get("samples") or []], SAMPLES
        )
    rows = report.get("rows") or {}
    counted = ", ".join(f"{key} {rows[key]:,}" for key in ("read", "accepted", "rejected") if rows.get(key) is not None)
    verdict = f"{report.get('grade') or report.get('status')}, score {report.get('score', 'none')}"
    verdict += f": {report['summary']}" if report.get("summary") else ""
    nx.out.note(f"{verdict} ({counted})" if counted else verdict)
    nx.out.note(f"Web: {nx.web('datasets', target.dataset_id, 'quality')}")


@app.command()
def accept(
    ctx: typer.Context,
    ref: params.Ref,
    check: Annotated[str, typer.Argument(metavar="CHECK", help="Id of a finding, as quality show lists it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is no fault, 5 to 1,000 characters.")],
) -> None:
    """Note why a finding is no fault: audited and shown beside it; verdict and state stay as they are.

    Example: nexus quality accept btc@1 moves.large --reason "true news of that day"
    """
    nx = invocation.of(ctx)
    target = references.resolve(nx.client, ref)
    body = {"check": check, "reason": reason} | ({"version": target.version} if target.version else {})
    noted = nx.client.post(f"{target.path}/quality-report:accept", body)["acceptance"]
    page = nx.web("datasets", target.dataset_id, "v", str(noted["version"]), "quality")
    nx.out.facts(noted, ACCEPTANCE, f"Web: {page}")
