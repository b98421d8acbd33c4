"""The hub of one process: reads each watched tenant's outbox once and fans new events out to all its subscribers.

It is woken by Redis where there is one and otherwise looks four times a second at the watched tenants' head rows; with
Redis it still looks every five seconds, so that a lost message costs time only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError

from tradenexus import db
from tradenexus.audit.models import Head
from tradenexus.events.models import Event

log = structlog.get_logger(__name__)
POLL_S, POLL_WITH_REDIS_S = 0.25, 5.0
QUEUE_LIMIT, BATCH = 1_000, 500
CHANNEL = "nexus:events"


class Subscription:
    """One watcher's bounded queue; `overflowed` tells that it was too slow and must replay."""

    def __init__(self, tenant_id: UUID):
        self.tenant_id = tenant_id
        self.queue: asyncio.Queue[tuple[int, str]] = asyncio.Queue(QUEUE_LIMIT)  # number and JSON text
        self.overflowed = False

    def put(self, seq: int, text: str) -> None:
        """Hand over one event; a full queue marks the subscription instead of holding others up."""
        try:
            self.queue.put_nowait((seq, text))
        except asyncio.QueueFull:
            self.overflowed = True


class Hub:
    """All subscriptions of this process and the task that feeds them."""

    def __init__(self) -> None:
        self._watchers: dict[UUID, set[Subscription]] = {}
        self._last: dict[UUID, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._signal = asyncio.Event()

    async def subscribe(self, tenant_id: UUID) -> Subscription:
        """Start watching a tenant; every event committed after this call's return is delivered."""
        subscription = Subscription(tenant_id)
        if tenant_id not in self._watchers:
            self._last[tenant_id] = await head_of(tenant_id)
        self._watchers.setdefault(tenant_id, set()).add(subscription)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop watching; the last watcher of all stops the task."""
        watchers = self._watchers.get(subscription.tenant_id, set())
        watchers.discard(subscription)
        if not watchers:
            self._watchers.pop(subscription.tenant_id, None)
            self._last.pop(subscription.tenant_id, None)
        if not self._watchers and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        ended = asyncio.Event()
        listener = asyncio.create_task(self._listen(ended)) if settings.REDIS_URL else None
        pause = POLL_WITH_REDIS_S if listener else POLL_S
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._signal.wait(), pause)
                self._signal.clear()
                await self._deliver()
        finally:
            ended.set()
            if listener:
                listener.cancel()

    async def _deliver(self) -> None:
        try:
            fresh = await sync_to_async(_read, thread_sensitive=False)(dict(self._last))
        except DatabaseError as error:
            log.warning("outbox_unreadable", error=str(error))
            return
        for event in fresh:
            if event["seq"] <= self._last.get(event["tenant"], event["seq"]):
                continue
            self._last[event["tenant"]] = event["seq"]
            for subscription in self._watchers.get(event["tenant"], ()):
                subscription.put(event["seq"], event["text"])

    async def _listen(self, ended: asyncio.Event) -> None:
        """Turn messages into signals. The client may swallow a cancel, so each wait is short and looks at `ended`."""
        from redis import asyncio as redis
        from redis.exceptions import RedisError

        while not ended.is_set():
            try:
                async with redis.from_url(settings.REDIS_URL) as client, client.pubsub() as channel:
                    await channel.subscribe(CHANNEL)
                    while not ended.is_set():
                        if await channel.get_message(timeout=1.0):
                            self._signal.set()
            except (RedisError, OSError) as error:
                log.warning("redis_unreachable", error=str(error))
                await asyncio.sleep(1)


def frame(event: Event) -> dict[str, Any]:
    """Return an event as watchers see it."""
    at = event.at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {"seq": event.seq, "at": at, "type": event.type, "object": event.subject, **event.data}


def text_of(told: dict[str, Any]) -> str:
    """Return a frame as it is sent: made once, however many watch."""
    return json.dumps(told, ensure_ascii=False, default=str)


def _read(last: dict[UUID, int]) -> list[dict[str, Any]]:
    db.drop_broken()
    heads = Head.objects.filter(tenant_id__in=last).values_list("tenant_id", "event_seq")
    fresh = []
    for tenant_id, seq in heads:
        if seq > last[tenant_id]:
            events = Event.of(tenant_id).filter(seq__gt=last[tenant_id]).order_by("seq")[:BATCH]
            fresh += [{"tenant": tenant_id, "seq": event.seq, "text": text_of(frame(event))} for event in events]
    return fresh


async def head_of(tenant_id: UUID) -> int:
    """Return the number of the tenant's newest event, 0 before the first."""
    head = await sync_to_async(lambda: Head.objects.filter(tenant_id=tenant_id).first(), thread_sensitive=False)()
    return head.event_seq if head else 0


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Return the hub of the running event loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


def wake(_tenant_id: UUID) -> None:
    """Tell all hubs that there is something new; with no Redis they find it by themselves."""
    if not settings.REDIS_URL:
        return
    import redis

    try:
        _redis().publish(CHANNEL, b"1")
    except redis.RedisError as error:  # only speed is lost
        log.warning("redis_unreachable", error=str(error))


def _redis() -> Any:
    import redis

    global _client
    if _client is None:
        _client = redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    return _client


_client: Any = None
