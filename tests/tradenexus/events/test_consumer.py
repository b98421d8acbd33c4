"""/ws/events: replay from a number, then live; tenant, credential and origin are checked."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError

from tests.kit import people
from tests.kit.sockets import Socket
from tradenexus import db
from tradenexus.events import outbox
from tradenexus.events.consumer import EventConsumer
from tradenexus.events.models import Event
from tradenexus.tenancy.models import ApiKey, Tenant

pytestmark = pytest.mark.django_db(transaction=True)


@sync_to_async
def make_person(email="owner@example.org", tenant="first"):
    return people.make(email, Tenant.objects.create(name=tenant))


@sync_to_async
def happen(person, count=1):
    for _ in range(count):
        with db.atomic():
            states = {"old": "uploaded", "new": "validating"}
            outbox.record(person.actor, "version.status", "dsv_x", **states, data={"version": 1})


def socket(person=None, query="", headers=()):
    from tradenexus.asgi import application

    sent = [(b"authorization", f"Bearer {person.key}".encode())] if person else []
    return Socket(application, f"/ws/events{query}", [*sent, *headers])


async def test_events_are_replayed_from_a_number_and_then_live_without_gap_or_repeat():
    owner = await make_person()
    await happen(owner, 3)
    watcher = socket(owner, "?since=1")
    assert await watcher.connect()
    assert (await watcher.frame()) == {"type": "hello", "seq": 3}
    assert [(await watcher.frame())["seq"] for _ in range(2)] == [2, 3]
    await happen(owner, 2)
    live = [await watcher.frame() for _ in range(2)]
    assert [event["seq"] for event in live] == [4, 5]
    assert live[0] | {"at": "", "requestId": ""} == {
        "seq": 4, "at": "", "type": "version.status", "object": "dsv_x", "old": "uploaded", "new": "validating",
        "reason": "", "requestId": "", "version": 1,
    }  # fmt: skip
    await watcher.disconnect()


async def test_a_stranger_gets_nothing_of_it():
    owner, stranger = await make_person(), await make_person("s@example.org", "second")
    watcher = socket(stranger, "?since=0")
    assert await watcher.connect()
    assert (await watcher.frame())["seq"] == 0
    await happen(owner, 1)
    assert await watcher.receive_nothing(timeout=1)
    await watcher.disconnect()


@pytest.mark.parametrize("query", ["?since=x", "?since=-1"])
async def test_a_bad_number_is_refused(query):
    owner = await make_person()
    assert not (await socket(owner, query).connect())


async def test_no_credential_a_wrong_key_and_a_foreign_origin_are_refused():
    owner = await make_person()
    assert not (await socket().connect())
    assert not (await socket(headers=[(b"authorization", b"Bearer nx_no")]).connect())
    assert not (await socket(owner, headers=[(b"origin", b"https://evil.example")]).connect())
    allowed = socket(owner, headers=[(b"origin", b"http://localhost:8000")])
    assert await allowed.connect()
    await allowed.disconnect()


async def test_a_revoked_key_is_shown_the_door(monkeypatch):
    monkeypatch.setattr("tradenexus.events.consumer.RECHECK_S", 0.1)
    owner = await make_person()
    watcher = socket(owner)
    assert await watcher.connect()
    await watcher.frame()
    await sync_to_async(lambda: ApiKey.of(owner.tenant.id).update(revoked_at=db.now()))()
    closed = await watcher.receive_output(5)
    assert (closed["type"], closed["code"]) == ("websocket.close", 4003)


async def test_a_database_that_is_away_ends_neither_a_watch_nor_its_check(monkeypatch):
    monkeypatch.setattr("tradenexus.events.consumer.RECHECK_S", 0.05)
    owner = await make_person()
    watcher = socket(owner)
    assert await watcher.connect()
    await watcher.frame()
    asked = []

    def away(consumer):
        asked.append(consumer)
        raise OperationalError("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(EventConsumer, "_actor", away)
        while len(asked) < 3:
            await asyncio.sleep(0.01)
        assert await watcher.receive_nothing()
    await sync_to_async(lambda: ApiKey.of(owner.tenant.id).update(revoked_at=db.now()))()
    closed = await watcher.receive_output(5)
    assert (closed["type"], closed["code"]) == ("websocket.close", 4003)


async def test_events_past_their_keeping_time_are_told_as_a_gap():
    owner = await make_person()
    await happen(owner, 3)
    for kept, gap in ((3, (1, 2)), (4, (1, 3))):
        await sync_to_async(lambda least=kept: Event.of(owner.tenant.id).filter(seq__lt=least).delete())()
        watcher = socket(owner, "?since=0")
        assert await watcher.connect()
        await watcher.frame()
        assert await watcher.frame() == {"type": "gap", "from": gap[0], "to": gap[1]}
        await watcher.disconnect()
