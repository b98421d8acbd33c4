"""`manage.py worker`: a small parent that starts django-q2's processes, keeps the leases honest and replaces a cluster
that hangs.

Once a second it looks for dead processes and for jobs that wait though a process is free; every five seconds it beats,
sweeps and fires schedules. django-q2 hangs for ever when a worker dies while it waits for work (it takes the queue's
lock with it), so a cluster that answers no wake-up is killed as a whole; jobs that ran in it are not charged.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import time
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, connections
from django.db.models import F

from tradenexus import db
from tradenexus.jobs import board, leases, processes, queue, registry, schedules, scratch, sweep
from tradenexus.jobs.models import Job, State, Worker

log = structlog.get_logger(__name__)
TICK_S, ROUND_S, KEEPING_S = 1.0, 5.0, 60.0
HUNG_S = 5.0
FORGET = timedelta(days=1)


class Watchdog:
    """One running worker."""

    def __init__(self, concurrency: int):
        self.concurrency = concurrency
        self._stopping = False
        self._rounded_at = self._kept_at = 0.0
        self._members: set[int] = set()
        self._suspect = False
        self._ears, self._mouth = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; then let running jobs end within the grace and give the others back."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.set_wakeup_fd(self._mouth)
        self._register()
        self._start()
        log.info("worker.started", worker=str(self.worker.id), kinds=registry.names(), concurrency=self.concurrency)
        while not self._stopping:
            self._guarded(self._tick)
            select.select([self._ears], [], [], TICK_S)
        self._drain()

    def _register(self) -> None:
        """Enter this worker's row, waiting for the database as long as it takes."""
        name, place = socket.gethostname()[:255], processes.place()
        self.worker = Worker(place=place, host=name, pid=os.getpid(), concurrency=self.concurrency)
        while not self._guarded(lambda: self.worker.save(force_insert=True)) and not self._stopping:
            select.select([self._ears], [], [], TICK_S)
        board.current = board.Board(self.worker.id)

    def _start(self) -> None:
        # Frozen objects are not touched by the collector, so that forked processes go on sharing their pages.
        gc.collect()
        gc.freeze()
        self._board.beat()
        self._suspect = False
        self.cluster = queue.Cluster(self.concurrency)
        self._started_at = time.monotonic()
        self._members = set()

    def _tick(self) -> None:
        self._watch_members()
        if time.monotonic() - self._rounded_at >= ROUND_S:
            self._rounded_at = time.monotonic()
            self._round()
        if self._drained():
            return
        quiet = self._board.quiet_s
        if quiet >= TICK_S and self._busy() < self.concurrency and sweep.waiting(TICK_S):
            if quiet >= HUNG_S and time.monotonic() - self._started_at >= HUNG_S and sweep.waiting(HUNG_S):
                self._replace("a job waits and no process answers")
            else:
                queue.ring(durable=True)

    def _drained(self) -> bool:
        """Heed what an operator asked of this worker (jobs.draining); a drained one answers nothing and hangs not."""
        wanted = Worker.objects.filter(pk=self.worker.pk, drain_asked_at__isnull=False).exists()
        if wanted != self._board.paused:
            self._board.pause(wanted)
            self._board.beat()
            log.info("worker.drained" if wanted else "worker.resumed", worker=str(self.worker.id))
            if not wanted:
                queue.ring(durable=True)
        return wanted

    def _round(self) -> None:
        alive = Worker.objects.filter(pk=self.worker.pk).update(beat_at=leases.clock())
        if not alive:
            self.worker.save(force_insert=True)
        Worker.objects.filter(beat_at__lt=db.now() - FORGET).delete()
        sweep.expired()
        sweep.gone()
        sweep.overdue(self.worker.pk)
        schedules.fire()
        if time.monotonic() - self._kept_at >= KEEPING_S:
            self._kept_at = time.monotonic()
            sweep.aged()
            scratch.clear()

    def _watch_members(self) -> None:
        """Notice dead processes: their jobs are settled at once, and one that died while idle may have left a lock."""
        if not self.cluster.is_alive:
            self._replace("its sentinel ended")
            return
        members = self.cluster.members()
        vanished, self._members = self._members - members, members
        if vanished:
            busy = self._busy_pids()
            self._suspect = self._suspect or bool(vanished - busy)
            sweep.gone()
        if self._suspect and not self._busy():
            self._replace("an idle process died")

    def _replace(self, reason: str) -> None:
        log.warning("worker.cluster_replaced", reason=reason, pid=self.cluster.pid)
        self.cluster.kill()
        sweep.released(self.worker.pk, f"the worker's processes were replaced: {reason}")
        Worker.objects.filter(pk=self.worker.pk).update(restarts=F("restarts") + 1)
        self._start()

    def _drain(self) -> None:
        """Stop claiming, let what runs go on (its heartbeat too) for the grace, then give the rest back."""
        self._board.drain()
        until = time.monotonic() + settings.NEXUS_JOB_GRACE_S
        time.sleep(0.2)  # a process that was just claiming has its claim committed by then
        while time.monotonic() < until and self._guarded(self._busy) and self._busy_now:
            time.sleep(0.1)
        self.cluster.kill()
        self._guarded(lambda: sweep.released(self.worker.pk, "the worker was stopped"))
        self._guarded(lambda: Worker.objects.filter(pk=self.worker.pk).delete())
        log.info("worker.stopped", worker=str(self.worker.id))

    def _busy(self) -> int:
        self._busy_now = Job.everyone.filter(state=State.RUNNING, worker_id=self.worker.pk).count()
        return self._busy_now

    def _busy_pids(self) -> set[int]:
        held = Job.everyone.filter(state=State.RUNNING, worker_id=self.worker.pk).values_list("holder", flat=True)
        return {int(name.split(":")[1]) for name in held}

    @property
    def _board(self) -> board.Board:
        assert board.current is not None
        return board.current

    def _guarded(self, step) -> bool:
        """Do a step; False when the database is away, which must not end the worker."""
        try:
            step()
        except DatabaseError as error:
            log.warning("worker.database_away", error=str(error))
            connections.close_all()
            return False
        return True

    def _stop(self, number: int, frame: object) -> None:
        self._stopping = True
