"""The thread beside a running handler: each second it writes progress and log lines and looks for a cancel, and it
prolongs the lease in good time.

When the lease could not be prolonged the run counts as lost a margin before the lease ends, by the monotonic clock:
the holder stops itself before anyone else may take the job.
"""

from __future__ import annotations

import math
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
REST_S = 60.0
_local = threading.local()


class Heartbeat:
    """Runs while the with-block does."""

    def __init__(self, run: Run):
        self._run = run

    def __enter__(self) -> Heartbeat:
        while not (pulse := _pulse()).begin(self._run):
            pass  # it had waited long enough just now
        self._pulse = pulse
        return self

    def __exit__(self, *_: object) -> None:
        self._pulse.end()


class _Pulse:
    """A thread that beats for the runs of the thread that made it, one after another.

    Starting a thread costs more than a short job, and most jobs are over before their first tick: so it is kept until a
    run needed it, or until none came for a while. What opened a connection ends with the run it was opened for.
    """

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._run: Run | None = None
        self._due = math.inf
        self._renewed_at = 0.0
        self._over = self._resting = self._has_ticked = False
        self._thread = threading.Thread(target=self._loop, name="heartbeat", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether it beats no more; also after a fork, which takes no threads along."""
        return self._over or not self._thread.is_alive()

    def begin(self, run: Run) -> bool:
        """Beat for a run; False when it is over."""
        with self._news:
            if self._over:
                return False
            self._run, self._renewed_at = run, time.monotonic()
            self._due = self._renewed_at + TICK_S
            if self._resting:
                self._news.notify()
        return True

    def end(self) -> None:
        """Beat no more for the run; a tick that is under way is waited for."""
        with self._news:
            self._run, self._due = None, math.inf
            if self._has_ticked:
                self._over = True
                self._news.notify()
        if self._over:
            self._thread.join()

    def _loop(self) -> None:
        try:
            with self._news:
                while not self._over:
                    self._step()
        finally:
            if self._has_ticked:
                connection.close()

    def _step(self) -> None:
        """Wait for a run, or for its next tick (runs may have come and gone meanwhile), or tick."""
        left = self._due - time.monotonic()
        if self._run is None:
            self._resting = True
            self._over = not self._news.wait(REST_S) and self._run is None
            self._resting = False
        elif left > 0:
            self._news.wait(min(left, REST_S))
        else:
            self._has_ticked = True
            self._tick(self._run)
            self._due = math.inf if self._run.lost else time.monotonic() + TICK_S

    def _tick(self, run: Run) -> None:
        if time.monotonic() >= run.deadline:
            run.lose("the lease could not be prolonged in time")
            return
        if time.monotonic() - run.began > run.kind.limit_s:
            return  # past its limit: the lease is left to end, and the watchdog kills this process
        if not run.writing.acquire(blocking=False):
            return  # an effect is open, which prolongs the lease itself
        try:
            if not run.finished:
                self._write(run)
        except LeaseLost:
            run.lose("the job is no longer held by this worker")
        except DatabaseError as error:
            log.warning("job.heartbeat_failed", job=run.job.ref, error=str(error))
            connection.close()
        finally:
            run.writing.release()

    def _write(self, run: Run) -> None:
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


def _pulse() -> _Pulse:
    """Return the one of the calling thread."""
    pulse: _Pulse | None = getattr(_local, "pulse", None)
    if pulse is None or pulse.is_over:
        pulse = _local.pulse = _Pulse()
    return pulse
