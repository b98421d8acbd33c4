"""Browsers at /ws/events: the cookie counts only with an Origin of ours, and for the workspace that was chosen."""

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from tests.kit import people
from tests.kit.sockets import Socket
from tradenexus import db
from tradenexus.events import outbox
from tradenexus.tenancy.models import Membership, Tenant

pytestmark = pytest.mark.django_db(transaction=True)
OURS = (b"origin", b"http://localhost:8000")


@sync_to_async
def make_person(email="owner@example.org", tenant="first"):
    return people.make(email, Tenant.objects.create(name=tenant))


@sync_to_async
def cookie_of(person, **chosen):
    client = Client()
    client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session.update(chosen)
    session.save()
    return (b"cookie", f"sessionid={session.session_key}".encode())


@sync_to_async
def happen(person):
    with db.atomic():
        outbox.record(person.actor, "version.status", "dsv_x", old="uploaded", new="validating", data={"version": 1})


def socket(*headers):
    from tradenexus.asgi import application

    return Socket(application, "/ws/events?since=0", list(headers))


async def test_a_signed_in_browser_of_ours_hears_its_workspace_only():
    owner, stranger = await make_person(), await make_person("stranger@example.org", "second")
    await happen(stranger)
    await happen(owner)
    watcher = socket(OURS, await cookie_of(owner))
    assert await watcher.connect()
    assert await watcher.frame() == {"type": "hello", "seq": 1}
    assert (await watcher.frame())["seq"] == 1
    assert await watcher.receive_nothing()
    await watcher.disconnect()


@pytest.mark.parametrize(
    "origin",
    [None, b"https://evil.example", b"http://localhost.evil.example", b"null", b"", b"http://evil.example#localhost"],
)
async def test_the_cookie_alone_or_from_elsewhere_is_refused(origin):
    owner = await make_person()
    headers = [await cookie_of(owner), *([(b"origin", origin)] if origin is not None else [])]
    assert not await socket(*headers).connect()


async def test_a_workspace_that_the_person_is_not_in_is_refused():
    owner, stranger = await make_person(), await make_person("stranger@example.org", "second")
    assert not await socket(OURS, await cookie_of(owner, tenant_id=str(stranger.tenant.id))).connect()


async def test_the_door_closes_when_the_person_leaves(monkeypatch):
    monkeypatch.setattr("tradenexus.events.consumer.RECHECK_S", 0.1)
    owner = await make_person()
    watcher = socket(OURS, await cookie_of(owner))
    assert await watcher.connect()
    await watcher.frame()
    await sync_to_async(lambda: Membership.of(owner.tenant.id).delete())()
    closed = await watcher.receive_output(5)
    assert (closed["type"], closed["code"]) == ("websocket.close", 4003)


async def test_no_other_path_takes_a_socket():
    from tradenexus.asgi import application

    owner = await make_person()
    key = (b"authorization", f"Bearer {owner.key}".encode())
    for path in ("/", "/ws", "/ws/jobs", "/v1/jobs", "/ws/events/../x"):
        assert not await Socket(application, path, [key]).connect()
