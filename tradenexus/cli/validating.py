"""Starting a validation and reading how it ended: exit 7 and the top findings when the data did not pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradenexus.cli import waiting
from tradenexus.cli.failures import GateFailed
from tradenexus.cli.references import Target

if TYPE_CHECKING:
    from tradenexus.cli.invocation import Invocation


def start(nx: Invocation, target: Target, body: dict[str, Any], *, key: str | None = None) -> dict[str, Any]:
    """Ask for validation; returns {dataset, job}."""
    if target.version is not None:
        body = body | {"version": target.version}
    return nx.client.post(f"{target.path}/validate", body, key=key, patience_s=waiting.PATIENCE_S)


def finish(nx: Invocation, target: Target, job: dict[str, Any]) -> dict[str, Any]:
    """Wait for a validation; returns the version, or raises GateFailed with what was found."""
    job = waiting.follow(nx, job, again=f"nexus job watch {job['id']}")
    report = nx.client.get(f"{target.path}/quality-report", {"version": target.version})["qualityReport"]
    version = nx.client.get(f"{target.path}/versions/{target.version}")["version"]
    if report.get("status") == "validation_failed" or report.get("grade") == "RED":
        raise failed(target, report)
    waiting.succeed(job, what="validation")
    return version | {"grade": report.get("grade"), "score": report.get("score")}


def failed(target: Target, report: dict[str, Any]) -> GateFailed:
    """Return the GateFailed of a report: its grade and first red checks."""
    red = [check for check in report.get("checks") or [] if check.get("grade") == "RED"]
    why = "; ".join(str(check.get("explanation") or check.get("id")) for check in red[:3])
    return GateFailed(
        f"{target} did not pass validation ({report.get('grade') or 'RED'}, score {report.get('score', 'none')})",
        code="VALIDATION_FAILED",
        why=why or str(report.get("summary") or ""),
        hint=f"nexus quality show {target} --failed",
        details={"grade": report.get("grade"), "score": report.get("score"), "checks": [c.get("id") for c in red]},
    )
