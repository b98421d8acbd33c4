"""Reconciliation of single publications as a deed."""

import pytest

from lona.models import Publication
from tests.kit import desk
from tests.lona.bars import times
from tests.lona.test_reconcile import post
from tests.lona.worker import work
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def op(stranger):
    return desk.operator(stranger)


@pytest.fixture
def published(owner, provider, make_bars):
    post(owner, make_bars(owner, times(20)))
    work()
    return Publication.of(owner.tenant.id).get()


def test_what_is_at_the_provider_as_we_have_it_is_ok(op, owner, published):
    assert op.do("reconcile", published)[0]["done"]
    entry = desk.newest(owner, "publication.reconcile")
    assert (entry.subject, entry.new, entry.reason) == (published.ref, "asked", desk.REASON)
    assert (entry.user_id, entry.via) == (op.user.id, "admin")
    work()
    published.refresh_from_db()
    assert (published.state, published.mapping) == ("published", "ok")
    assert Job.everyone.get(kind="lona.reconcile").result == {"mapping": "ok", "reason": ""}


def test_what_the_provider_has_lost_is_retired_here(op, owner, published, provider):
    from lona.client import connect

    connect("a-test").delete_symbol(published.lona_symbol_id)
    op.do("reconcile", published)
    work()
    published.refresh_from_db()
    assert (published.state, published.mapping) == ("retired", "missing")
    entry = desk.newest(owner, "publication.status")
    assert (entry.old, entry.new) == ("published", "retired")
    published.version.refresh_from_db()
    assert published.version.status == "ready"


def test_a_lost_answer_is_looked_for_again(op, owner, published):
    Publication.everyone.update(state="unknown")
    op.do("reconcile", published)
    work()
    published.refresh_from_db()
    assert published.state == "published"


def test_what_never_reached_the_provider_cannot_be_compared(op, owner, published):
    Publication.everyone.update(state="failed")
    outcome = op.do("reconcile", published)[0]
    assert (outcome["done"], outcome["code"]) == (False, "STATE_CONFLICT")
