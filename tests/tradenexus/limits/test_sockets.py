"""Sockets open at once: the one too many is told why, a closed one makes room, others are unaffected."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async

from tests.kit import people
from tests.kit.sockets import Socket
from tests.tradenexus.limits.conftest import needs_redis
from tradenexus.limits import sockets
from tradenexus.tenancy.models import Tenant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def two(anywhere, settings):
    """Two sockets of a credential."""
    settings.NEXUS_OPEN_SOCKETS = 2
    return anywhere


@sync_to_async
def make_person(email="owner@example.org", tenant="first"):
    return people.make(email, Tenant.objects.create(name=tenant))


def socket(person):
    from tradenexus.asgi import application

    return Socket(application, "/ws/events", [(b"authorization", f"Bearer {person.key}".encode())])


async def opened(person):
    """Open a socket that is let in; return it."""
    made = socket(person)
    assert await made.connect()
    assert (await made.frame())["type"] == "hello"
    return made


async def refused(person):
    """Open a socket that is one too many; return what it was told."""
    made = socket(person)
    assert await made.connect()
    return await made.receive_output(5)


async def test_the_one_too_many_is_closed_with_a_reason_and_others_get_in():
    owner, stranger = await make_person(), await make_person("stranger@example.org", "second")
    held = [await opened(owner) for _ in range(2)]
    assert await refused(owner) == {
        "type": "websocket.close",
        "code": 4029,
        "reason": "2 sockets are open for this key or person; close one, or poll",
    }
    held.append(await opened(stranger))
    for one in held:
        await one.disconnect()


async def test_a_closed_socket_makes_room_and_a_refused_one_took_none():
    owner = await make_person()
    first, second = await opened(owner), await opened(owner)
    for _ in range(3):
        assert (await refused(owner))["code"] == 4029
    await first.disconnect()
    third = await opened(owner)
    await second.disconnect()
    await third.disconnect()


async def test_an_open_socket_keeps_its_seat_past_the_lease(monkeypatch):
    monkeypatch.setattr(sockets, "LEASE_S", 0.6)
    monkeypatch.setattr(sockets, "RENEW_S", 0.1)
    owner = await make_person()
    held = [await opened(owner) for _ in range(2)]
    await asyncio.sleep(1)
    assert (await refused(owner))["code"] == 4029
    for one in held:
        await one.disconnect()


async def test_a_limit_of_zero_is_off(settings):
    settings.NEXUS_OPEN_SOCKETS = 0
    owner = await make_person()
    for one in [await opened(owner) for _ in range(5)]:
        await one.disconnect()


def test_the_reason_fits_into_a_close_frame(settings):
    settings.NEXUS_OPEN_SOCKETS = 10**9
    assert len(sockets.reason().encode()) <= 123


@needs_redis
async def test_a_lost_redis_closes_no_socket_and_refuses_none_that_has_a_seat(on_redis, monkeypatch):
    monkeypatch.setattr(sockets, "RENEW_S", 0.1)
    owner = await make_person()
    held = await opened(owner)
    on_redis.kill()
    await asyncio.sleep(0.5)
    assert await held.receive_nothing(timeout=0.2)
    await (await opened(owner)).disconnect()
    await held.disconnect()
