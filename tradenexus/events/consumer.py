"""/ws/events?since=N: the tenant's numbered events as JSON lines, replayed from N and then live."""

from __future__ import annotations

import asyncio
import random
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError
from django.http.request import validate_host

from tradenexus.actor import Actor
from tradenexus.errors import ProblemError
from tradenexus.events.hub import Subscription, frame, head_of, hub, text_of
from tradenexus.events.models import Event
from tradenexus.limits import sockets
from tradenexus.middleware import request_id_from
from tradenexus.rest.auth import authenticate_headers
from tradenexus.tenancy import actors

RECHECK_S, REPLAY_BATCH = 5.0, 500
TOO_SLOW, NO_LONGER_ALLOWED = 4008, 4003


class EventConsumer(AsyncWebsocketConsumer):
    """One watcher. Refused handshakes answer 403; a watcher that falls behind is closed and replays on reconnect.

    One too many of a key or person is accepted and closed at once with 4029, whose reason says what to do.
    """

    subscription: Subscription | None = None
    tasks: tuple[asyncio.Task[None], ...] = ()
    seat: tuple[str, bytes] | None = None

    async def connect(self) -> None:
        """Check origin and credential, then start feeding."""
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.scope["headers"]}
        actor = await self._authorised()
        since = _since(self.scope["query_string"].decode("latin-1"))
        if actor is None or since is False:
            await self.close()
            return
        if not await self._seated(actor):
            await self.accept()  # a handshake that is refused cannot say why
            await self.close(sockets.FULL, sockets.reason())
            return
        self.subscription = await hub().subscribe(actor.tenant_id)
        await self.accept()
        feed = asyncio.create_task(self._feed(actor, self.subscription, since))
        self.tasks = (feed, asyncio.create_task(self._keep_seat()), asyncio.create_task(self._recheck(feed)))

    async def disconnect(self, code: int) -> None:
        """Let go of the subscription and the seat."""
        for task in self.tasks:
            task.cancel()
        if self.subscription:
            hub().unsubscribe(self.subscription)
        if self.seat:
            await sync_to_async(sockets.leave, thread_sensitive=False)(*self.seat)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Ignore what a watcher says: this socket only tells."""

    async def _seated(self, actor: Actor) -> bool:
        seat = (sockets.subject_of(actor), uuid4().bytes)
        if not await sync_to_async(sockets.seated, thread_sensitive=False)(*seat):
            return False
        self.seat = seat
        return True

    async def _keep_seat(self) -> None:
        """Renew the seat apart from feeding, which waits for a slow watcher."""
        while self.seat:
            await asyncio.sleep(sockets.RENEW_S)
            await sync_to_async(sockets.seated, thread_sensitive=False)(*self.seat)

    async def _recheck(self, feed: asyncio.Task[None]) -> None:
        """Ask every few seconds whether the watcher may still watch, each at its own time: many came together."""
        await asyncio.sleep(random.uniform(0, RECHECK_S))  # noqa: S311 - only spreads them
        while await self._may_stay():
            await asyncio.sleep(RECHECK_S)
        feed.cancel()  # nothing may be sent after the close
        await self.close(NO_LONGER_ALLOWED)

    async def _may_stay(self) -> bool:
        try:
            return await self._authorised() is not None
        except DatabaseError:
            return True  # nobody can tell just now: it is asked again

    async def _feed(self, actor: Actor, subscription: Subscription, since: int | None) -> None:
        head = await head_of(actor.tenant_id)
        last = head if since is None else since
        await self._send({"type": "hello", "seq": head})
        while last < head:
            batch = await sync_to_async(_replay, thread_sensitive=False)(actor, last)
            if not batch:  # all of it is past its keeping time
                await self._send({"type": "gap", "from": last + 1, "to": head})
                last = head
                break
            if batch[0]["seq"] > last + 1:  # older events are no longer kept: the page must load itself anew
                await self._send({"type": "gap", "from": last + 1, "to": batch[0]["seq"] - 1})
            for event in batch:
                await self._send(event)
            last = batch[-1]["seq"]
        await self._live(subscription, last)

    async def _live(self, subscription: Subscription, last: int) -> None:
        while True:
            seq, text = await subscription.queue.get()
            if subscription.overflowed:
                await self.close(TOO_SLOW)
                return
            if seq > last:
                last = seq
                await self.send(text_data=text)

    async def _authorised(self) -> Actor | None:
        if not _origin_allowed(self.headers.get("origin")):
            return None
        try:
            actor = await sync_to_async(self._actor, thread_sensitive=False)()
        except ProblemError:
            return None
        return actor if actor and actor.may("read") else None

    def _actor(self) -> Actor | None:
        request_id = request_id_from(self.headers.get("x-request-id"))
        actor = authenticate_headers(self.headers, request_id)
        if actor is not None or "origin" not in self.headers:
            return actor  # a cookie without an Origin is not a browser of ours
        user = self.scope["user"]
        if not user.is_authenticated:
            return None
        user.refresh_from_db()
        return actors.of_user(user, request_id, self.scope["session"].get("tenant_id"))

    async def _send(self, event: dict[str, Any]) -> None:
        await self.send(text_data=text_of(event))


def _replay(actor: Actor, last: int) -> list[dict[str, Any]]:
    rows = Event.of(actor.tenant_id).filter(seq__gt=last).order_by("seq")[:REPLAY_BATCH]
    return [frame(event) for event in rows]


def _since(query: str) -> int | bool | None:
    values = parse_qs(query).get("since", [])
    if not values:
        return None
    return int(values[0]) if values[0].isascii() and values[0].isdigit() and len(values[0]) < 19 else False


def _origin_allowed(origin: str | None) -> bool:
    if origin is None:
        return True
    host = urlsplit(origin).hostname
    return host is not None and validate_host(host, settings.ALLOWED_HOSTS)
