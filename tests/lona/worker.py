"""A worker inside the test: claims and runs jobs, and shortens the waits between their attempts."""

from __future__ import annotations

import time

from tradenexus import db
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job


def work(attempts: int = 20, pause_s: float = 0.0) -> None:
    """Run what is due; a job that waits for its next attempt is made due, at most `attempts` times."""
    for _ in range(attempts):
        runner.wake()
        with db.atomic():
            waiting = Job.everyone.filter(state="queued").update(run_at=db.now())
        if not waiting:
            return
        time.sleep(pause_s)
    raise AssertionError(
        "jobs go on being tried again: "
        + str(list(Job.everyone.filter(state="queued").values_list("error", flat=True)))
    )
