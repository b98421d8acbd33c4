"""One-time links: spent once, in time, by whoever may sign in; and kept only as a hash."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tradenexus.accounts import links
from tradenexus.accounts.models import LoginLink

pytestmark = pytest.mark.django_db


def token_of(path):
    return path.split("/")[3]


def test_the_token_itself_is_stored_nowhere(owner):
    token = token_of(links.create(owner.user))
    assert len(token) >= 43
    assert token not in str(LoginLink.objects.values())


def test_it_is_spent_once(owner):
    token = token_of(links.create(owner.user))
    assert links.spend(token) == owner.user
    assert links.spend(token) is None


def test_it_expires(owner, settings):
    token = token_of(links.create(owner.user))
    expires_at = LoginLink.objects.get().expires_at
    assert abs(expires_at - timezone.now() - timedelta(seconds=settings.NEXUS_LOGIN_LINK_S)) < timedelta(seconds=30)
    LoginLink.objects.update(expires_at=timezone.now())
    assert links.spend(token) is None
    assert LoginLink.objects.get().used_at is None


@pytest.mark.parametrize("token", ["", "x", "x" * 5000, "../..", "' OR 1=1 --", "\0"])
def test_an_unknown_one_signs_nobody_in(owner, token):
    links.create(owner.user)
    assert links.spend(token) is None


def test_the_person_must_still_be_active(owner):
    token = token_of(links.create(owner.user))
    owner.user.is_active = False
    owner.user.save()
    assert links.spend(token) is None


@pytest.mark.django_db(transaction=True)
def test_of_many_presses_at_once_one_signs_in(owner):
    token = token_of(links.create(owner.user))
    start, signed_in = threading.Barrier(6), []

    def press():
        start.wait()
        signed_in.append(links.spend(token))
        connection.close()

    threads = [threading.Thread(target=press) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(signed_in) == 6
    assert [user for user in signed_in if user] == [owner.user]
