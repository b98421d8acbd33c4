"""The door to the queue: submit, cancel and retry jobs; and the only file that knows django_q.

django-q2 carries wake-ups: a message says "there is work", and whoever gets it claims the next job in order. Nothing
is lost with a message: the worker's sweep rings again. With REDIS_URL messages go through Redis for speed; when Redis
does not answer, and for the sweep's own, they go through the database.
"""

from __future__ import annotations

import functools
import logging
import os
import time
import uuid
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django_q import cluster
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.tasks import async_task

from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import Conflict
from tradenexus.jobs import board, leases, processes, registry, states
from tradenexus.jobs.models import LIVE, RETRYABLE, Job, State

log = structlog.get_logger(__name__)
logging.getLogger("django-q").setLevel(logging.WARNING)
WAKE = "tradenexus.jobs.runner.wake"
REDIS_WAIT_S = 1


def submit(
    actor: Actor | None,
    kind: str,
    params: dict[str, Any] | None = None,
    *,
    subject: str = "",
    dedupe: str | None = None,
    priority: int = 0,
    run_at: datetime | None = None,
    parent: Job | None = None,
) -> Job:
    """Queue a job inside the caller's db.atomic(); a worker is woken on commit.

    dedupe: while a job of this tenant and kind with the same key is queued or running, that one is returned instead.
    actor None: a job of the platform itself (schedules), which no tenant sees. KindUnknown when no app does this kind.
    """
    known = registry.find(kind)
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("queue.submit belongs inside db.atomic(), with what it is about")
    tenant_id = actor.tenant_id if actor else None
    job = Job(
        tenant_id=tenant_id,
        user_id=actor.user_id if actor else None,
        request_id=actor.request_id if actor else f"job-{uuid.uuid4().hex}",
        kind=kind,
        heavy=known.heavy,
        max_attempts=known.max_attempts,
        subject=subject,
        params=params or {},
        priority=priority,
        run_at=run_at or db.now(),
        parent=parent,
        dedupe=None if dedupe is None else f"{tenant_id or 'platform'}:{kind}:{dedupe}",
    )
    return _enter(job, actor)


def _enter(job: Job, actor: Actor | None) -> Job:
    living = _insert(job)
    if living is not job:
        return living
    if actor is not None:
        states.announce(job, actor, "")
    transaction.on_commit(functools.partial(ring, job.ref), robust=True)
    return job


def _insert(job: Job) -> Job:
    """Insert the job, or return the living one of the same key; it may end while we look, then we insert after all."""
    if job.dedupe is None:
        job.save(force_insert=True)
        return job
    while True:
        Job.everyone.bulk_create([job], ignore_conflicts=True)
        found = Job.everyone.filter(dedupe=job.dedupe, state__in=LIVE).first()
        if found is not None:
            return job if found.pk == job.pk else found


def pressed(waiting_s: float) -> bool:
    """Tell whether some job has been due for so long: what holds a worker's place for convenience gives it up then."""
    return leases.peek(registry.names(), waiting_s) is not None


def cancel(actor: Actor, job: Job, reason: str = "") -> Job:
    """Cancel a job: at once when it waits, by asking its handler when it runs; again is no error.

    Conflict when it has ended otherwise. An asked handler has settings.NEXUS_JOB_GRACE_S to stop, then it is killed.
    """
    while not states.cancel_queued(job, actor, reason):
        job.refresh_from_db()
        if job.state == State.CANCELLED or (job.state == State.RUNNING and job.cancel_requested_at):
            return job
        if job.is_final:
            raise Conflict(f"the job has already ended: {job.state}", {"state": job.state, "allowed": list(LIVE)})
        if job.state == State.RUNNING and _ask_to_cancel(actor, job, reason):
            return job
    return job


def _ask_to_cancel(actor: Actor, job: Job, reason: str) -> bool:
    with db.atomic():
        asked = Job.everyone.filter(pk=job.pk, state=State.RUNNING).update(cancel_requested_at=leases.clock())
        if asked:
            job.refresh_from_db()
            states.announce(job, actor, State.RUNNING, reason or "cancel requested")
    return bool(asked)


def retry(actor: Actor, job: Job, reason: str = "retried") -> Job:
    """Queue an ended job (failed, cancelled or stalled) again with fresh attempts; the token goes on growing.

    Conflict in any other state, or while another job of the same dedupe key lives.
    """
    old = job.state
    try:
        with db.atomic():
            again = Job.everyone.filter(pk=job.pk, state__in=RETRYABLE).update(
                state=State.QUEUED,
                attempts=0,
                run_at=leases.clock(),
                error=None,
                result=None,
                progress={},
                started_at=None,
                finished_at=None,
                cancel_requested_at=None,
            )
            job.refresh_from_db()
            if not again:
                details = {"state": job.state, "allowed": list(RETRYABLE)}
                raise Conflict(f"only an ended job can be retried, this one is {job.state}", details)
            kind = registry.find(job.kind)
            if kind.on_retry is not None:
                kind.on_retry(job, actor)
            states.announce(job, actor, old, reason)
            transaction.on_commit(functools.partial(ring, job.ref), robust=True)
    except IntegrityError:
        raise Conflict("another job does the same at the moment; it must end first", {"dedupe": job.dedupe}) from None
    return job


def release(actor: Actor, job: Job, reason: str) -> Job:
    """Take a running job from its holder and put it back in line; the attempt is not charged.

    The holder is told at its next write and changes nothing more. Conflict when the job does not run, or when its
    cancel was asked for (it ends by itself).
    """
    with db.atomic():
        job.refresh_from_db()
        text = f"attempt {job.attempts}: its lease was released by an operator: {reason}"
        tail = states.Tail(lines=[states.line(job, text, "warning")])
        guard = {"cancel_requested_at": None}
        if not states.requeue(job, reason, 0, "released", tail, refund=True, actor=actor, **guard):
            said = "is being cancelled" if job.state == State.RUNNING else f"is {job.state}"
            raise Conflict(
                f"only a running job holds a lease, this one {said}", {"state": job.state, "allowed": [State.RUNNING]}
            )
        job.refresh_from_db()
        transaction.on_commit(functools.partial(ring, job.ref), robust=True)
    return job


# --- wake-ups --------------------------------------------------------------------------------------------------------


class Doorbell(ORM):
    """django-q2's broker: Redis first when there is one, else (and whenever Redis fails) a row in the database.

    A message is taken by deleting it: it is a wake-up, and delivering it twice or never costs time only.
    """

    def __init__(self, list_key: str | None = None):
        super().__init__(list_key=list_key)
        self._redis_key = f"nexus:wake:{self.list_key}"
        self._redis: Any = None
        if settings.REDIS_URL:
            import redis

            self._redis = redis.from_url(settings.REDIS_URL, socket_timeout=REDIS_WAIT_S + 2, socket_connect_timeout=1)

    def enqueue(self, task: str, durable: bool = False) -> Any:
        """Send a wake-up."""
        if self._redis is not None and not durable and self._try_redis("rpush", self._redis_key, task) is not None:
            return None
        with db.atomic():
            return super().enqueue(task)

    def dequeue(self) -> list[tuple[None, str]] | None:
        """Take wake-ups, waiting a moment for one; None when there is none or the database is away."""
        if board.current and board.current.paused:
            time.sleep(Conf.POLL)  # left for a worker that takes jobs
            return None
        if self._redis is not None:
            taken = self._try_redis("blpop", self._redis_key, timeout=REDIS_WAIT_S)
            if taken:
                return [(None, taken[1].decode())]
        try:
            mine = self._take_rows()
        except DatabaseError as error:
            # Raised on, it would put the pusher to sleep for ten seconds.
            log.warning("wake.database_away", error=str(error))
            connections.close_all()
            time.sleep(1)
            return None
        if not mine and self._redis is None:
            time.sleep(Conf.POLL)
        return [(None, payload) for payload in mine] or None

    def _take_rows(self) -> list[str]:
        # Plain SQL: ten times a second for ever, in a process that otherwise touches (and so copies) little memory.
        db.drop_broken()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM django_q_ormq WHERE key = %s ORDER BY id LIMIT %s", [self.list_key, Conf.BULK]
            )
            found = [row[0] for row in cursor.fetchall()]
            if not found:
                return []
            places = ", ".join(["%s"] * len(found))
            with db.atomic():
                cursor.execute(f"DELETE FROM django_q_ormq WHERE id IN ({places}) RETURNING payload", found)  # noqa: S608
                return [row[0] for row in cursor.fetchall()]

    def _try_redis(self, command: str, *arguments: Any, **options: Any) -> Any:
        import redis

        try:
            return getattr(self._redis, command)(*arguments, **options)
        except redis.RedisError as error:
            log.warning("wake.redis_away", error=str(error))
            time.sleep(0.2)
            return None


@functools.cache
def _bell() -> Doorbell:
    return Doorbell()


class _Durable:
    """The same bell, by way of the database."""

    list_key = Conf.CLUSTER_NAME

    def enqueue(self, task: str) -> Any:
        return _bell().enqueue(task, durable=True)


def ring(job: str = "", durable: bool = False) -> None:
    """Wake one worker process of any host. A failure is logged only: the sweep of each worker finds waiting jobs."""
    try:
        async_task(WAKE, job, broker=_Durable() if durable else _bell(), task_name=job or "sweep", save=False)
    except DatabaseError as error:
        log.warning("wake.not_sent", job=job, error=str(error))


# --- the cluster -----------------------------------------------------------------------------------------------------


class Cluster:
    """django-q2's processes (sentinel, workers, pusher, monitor) as one tree that can be replaced as a whole."""

    def __init__(self, concurrency: int):
        Conf.WORKERS = concurrency
        Conf.QUEUE_LIMIT = concurrency * 2
        context = get_context("fork")
        self._stop, started = context.Event(), context.Event()
        connections.close_all()  # a connection must not be shared over a fork
        self._process: BaseProcess = context.Process(
            target=_guard, args=(os.getpid(), self._stop, started), name="nexus-sentinel"
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """The sentinel's pid."""
        return self._process.pid or 0

    @property
    def is_alive(self) -> bool:
        """Whether the sentinel lives (its children may not)."""
        return self._process.is_alive()

    def members(self) -> set[int]:
        """Return the pids of the living workers, pusher and monitor."""
        return processes.children(self.pid)

    def kill(self) -> None:
        """Kill the whole tree, what the jobs started included."""
        processes.kill_tree(self.pid)
        self._process.join()


def _guard(parent: int, stop: Any, started: Any) -> None:
    processes.die_with_parent(parent)
    os.setsid()  # signals sent to our terminal or group are the worker's to handle
    processes.let_forks_die_with_parent()
    cluster.Stat = _NoStat
    _Sentinel(stop, started, uuid.uuid4(), timeout=None, start=False).begin()


class _NoStat:
    """No statistics of django-q2's own, pickled each second: Worker rows tell who lives."""

    def __init__(self, sentinel: Any):
        pass

    def save(self) -> None:
        pass


class _NoResults:
    """What becomes of a wake-up interests nobody: no queue, so no lock to die with, and no monitor to read it."""

    pid = 0

    def put(self, task: Any) -> None:
        pass

    def qsize(self) -> int:
        return 0

    def empty(self) -> bool:
        return True

    def is_alive(self) -> bool:
        return True


class _Sentinel(cluster.Sentinel):
    """django-q2's guard without a result queue and its monitor process."""

    def begin(self) -> None:
        self.result_queue = _NoResults()
        self.start()

    def spawn_monitor(self) -> Any:
        return self.result_queue
