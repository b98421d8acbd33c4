"""Job kinds of this app. Handlers import at first use: a resting worker stays small."""

from __future__ import annotations

from typing import Any

from tradenexus.actor import Actor
from tradenexus.errors import ProblemError
from tradenexus.jobs import registry, schedules
from tradenexus.jobs.models import Job
from tradenexus.jobs.runner import Run


def _ingest_ended(run: Run | Job, actor: Actor, error: ProblemError, outcome: str) -> None:
    from backfill.ingestion import settling

    settling.give_up(run.job if isinstance(run, Run) else run, actor, error)


def _ingest_again(job: Job, actor: Actor) -> None:
    from backfill.ingestion import settling

    settling.reopen(job, actor)


@registry.handler(
    "backfill.ingest",
    "Fetch from a vendor into the lake",
    heavy=True,
    max_attempts=12,
    on_failure=_ingest_ended,
    on_retry=_ingest_again,
    phases=("fetch", "build"),
    reuses="Rows that have landed are not fetched again, and what was committed is not committed again.",
)
def ingest(run: Run) -> dict[str, Any]:
    """Fetch, land and commit a batch of candidates."""
    from backfill.ingestion import carrying

    return carrying.carry(run)


@registry.handler("backfill.watch", "Look for candidates in the watched folder", max_attempts=3)
def watch(run: Run) -> dict[str, Any]:
    """Take new files of the watched folder, and remove what finished runs left in staging."""
    from backfill.ingestion import clearing, watching

    return {**watching.sweep(run.actor.request_id), "cleared": clearing.sweep()}


def _repair_ended(run: Run | Job, actor: Actor, error: ProblemError, outcome: str) -> None:
    from backfill.repair import settling

    settling.give_up(run.job if isinstance(run, Run) else run, actor, error)


def _repair_again(job: Job, actor: Actor) -> None:
    from backfill.repair import settling

    settling.reopen(job, actor)


@registry.handler(
    "backfill.repair",
    "Repair gaps of the lake",
    heavy=True,
    max_attempts=12,
    on_failure=_repair_ended,
    on_retry=_repair_again,
    phases=("detect", "fetch", "build", "repair"),
    reuses="Gaps are not looked for again, rows that have landed are not fetched again, nothing is committed twice.",
)
def repair(run: Run) -> dict[str, Any]:
    """Find gaps, and fetch and commit what is missing."""
    from backfill.repair import carrying

    return carrying.carry(run)


@registry.handler("backfill.repair_weekly", "Ask for repairs of gaps", max_attempts=3)
def repair_weekly(run: Run) -> dict[str, Any]:
    """Ask for a repair in every workspace."""
    from backfill.repair import requests

    return requests.weekly(run)


schedules.every(60, "backfill.watch")
schedules.every(7 * 86_400.0, "backfill.repair_weekly")
