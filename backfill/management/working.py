"""A command that waits for jobs, and works meanwhile: it needs no stack, and one that runs takes its share."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from tradenexus.jobs import runner, sweep
from tradenexus.jobs.models import LIVE, Job, State

PAUSE_S = 0.5


def until_done(jobs: Sequence[Job], patience_s: float) -> list[dict[str, Any]]:
    """Run whatever is due until these jobs have ended, or `patience_s` is over -> [{id, kind, state, error, result}].

    Jobs are done in the order in which they were asked for, so that others may be done on the way.
    """
    refs = [job.id for job in jobs]
    deadline = time.monotonic() + patience_s
    while Job.everyone.filter(id__in=refs, state__in=LIVE).exists() and time.monotonic() < deadline:
        sweep.gone()
        if not runner.wake(most=1):
            time.sleep(PAUSE_S)
    ended = {job.id: job for job in Job.everyone.filter(id__in=refs)}
    return [_told(ended[ref]) for ref in refs]


def succeeded(told: Sequence[dict[str, Any]]) -> bool:
    """Tell whether all jobs did."""
    return all(each["state"] == State.SUCCEEDED for each in told)


def _told(job: Job) -> dict[str, Any]:
    error = job.error or {}
    return {"id": job.ref, "kind": job.kind, "state": str(job.state), "error": error, "result": job.result or {}}
