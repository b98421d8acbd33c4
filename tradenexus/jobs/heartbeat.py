"""The thread beside a running handler: each second it writes progress and log lines and looks for a cancel, and it
prolongs the lease in good time.

When the lease could not be prolonged the run counts as lost a margin before the lease ends, by the monotonic clock:
the holder stops itself before anyone else may take the job.
"""

from __future__ import annotations

import threading
import time

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from tradenexus import failpoints
from tradenexus.jobs import leases, states
from tradenexus.jobs.errors import LeaseLost
from tradenexus.jobs.models import Job
from tradenexus.jobs.run import Run

log = structlog.get_logger(__name__)
TICK_S = 1.0


class Heartbeat:
    """Runs while the with-block does."""

    def __init__(self, run: Run):
        self._run = run
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=f"heartbeat-{run.job.ref}", daemon=True)
        self._renewed_at = time.monotonic()

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _loop(self) -> None:
        try:
            while not self._stop.wait(TICK_S) and not self._run.lost:
                self._tick()
        finally:
            connection.close()

    def _tick(self) -> None:
        run = self._run
        if time.monotonic() >= run.deadline:
            run.lose("the lease could not be prolonged in time")
            return
        if time.monotonic() - run.began > run.kind.limit_s:
            return  # past its limit: the lease is left to end, and the watchdog kills this process
        if not run.writing.acquire(blocking=False):
            return  # an effect is open, which prolongs the lease itself
        try:
            if not run.finished:
                self._write()
        except LeaseLost:
            run.lose("the job is no longer held by this worker")
        except DatabaseError as error:
            log.warning("job.heartbeat_failed", job=run.job.ref, error=str(error))
            connection.close()
        finally:
            run.writing.release()

    def _write(self) -> None:
        run = self._run
        now = time.monotonic()
        due = now - self._renewed_at >= settings.NEXUS_JOB_HEARTBEAT_S
        if due or run.has_news():
            failpoints.hit("jobs.heartbeat")
            states.write_tail(run.job, run.take_tail())
            self._renewed_at = now
            run.deadline = now + settings.NEXUS_JOB_LEASE_S - leases.margin_s()
        row = Job.everyone.filter(pk=run.job.pk).values_list("token", "state", "cancel_requested_at").first()
        if row is None or row[0] != run.token or row[1] != "running":
            raise LeaseLost("the job is no longer held by this worker")
        if row[2] is not None:
            run.cancel_seen = True
