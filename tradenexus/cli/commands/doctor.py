"""`nexus doctor`: is everything between this machine and the server in order, and what to do when it is not."""

from __future__ import annotations

import typer

from tradenexus.cli import invocation, params
from tradenexus.cli.failures import AuthNeeded, Failure, Unreachable
from tradenexus.cli.health import Finding, examine
from tradenexus.cli.output import Column

app = params.verb()
COLUMNS = (
    Column("STATE", "state", state=True),
    Column("CHECK", "check"),
    Column("FOUND", "found"),
    Column("WHAT TO DO", "fix", drop=1),
)


@app.command()
def doctor(ctx: typer.Context) -> None:
    """Check server, version, clock, token, scopes, disk, live updates and the server's protections.

    Example: nexus doctor
    """
    nx = invocation.of(ctx)
    findings = examine(nx)
    nx.out.rows([vars(finding) for finding in findings], COLUMNS)
    bad = [finding for finding in findings if finding.state == "fail"]
    if bad:
        raise _worst(bad)


def _worst(bad: list[Finding]) -> Failure:
    names = {finding.check for finding in bad}
    kind = Unreachable if "server" in names else AuthNeeded if "token" in names else Failure
    return kind(f"{len(bad)} checks failed: {', '.join(sorted(names))}", code="DOCTOR", hint=bad[0].fix)
