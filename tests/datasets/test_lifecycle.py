"""The states of a version: every edge, every forbidden pair, generated from the table."""

import itertools
import threading

import pytest
from django.db import connection

from datasets import lifecycle, versions
from datasets.models import DatasetVersion, Status
from tests.kit import factories
from tradenexus import db
from tradenexus.audit.models import Entry
from tradenexus.events.models import Event

pytestmark = pytest.mark.django_db
PAIRS = list(itertools.product(Status.values, Status.values))
EDGES = [(old, new) for old, new in PAIRS if new in lifecycle.EDGES[old]]


@pytest.mark.parametrize(("old", "new"), EDGES)
def test_an_edge_moves_the_version_the_dataset_the_audit_and_the_events(owner, old, new):
    version = factories.version_in(owner, old)
    with db.atomic():
        lifecycle.advance(version, new, owner.actor, reason="why", details={"a": 1})
    version.refresh_from_db()
    assert (version.status, version.dataset.status, version.status_reason) == (new, new, "why")
    entry = Entry.of(owner.tenant.id).latest("seq")
    assert (entry.subject, entry.old, entry.new, entry.reason) == (version.ref, old, new, "why")
    assert (entry.user_id, entry.request_id) == (owner.user.id, "test-request")
    event = Event.of(owner.tenant.id).latest("seq")
    assert (event.type, event.data["new"], event.data["dataset"]) == ("version.status", new, version.dataset.ref)


def test_every_other_pair_is_refused_and_changes_nothing(owner):
    version = factories.version_in(owner, "uploading")
    before = Entry.of(owner.tenant.id).count()
    for old, new in PAIRS:
        if (old, new) in EDGES:
            continue
        DatasetVersion.everyone.filter(id=version.id).update(status=old)
        version.refresh_from_db()
        with pytest.raises(lifecycle.StateConflict) as refused, db.atomic():
            lifecycle.advance(version, new, owner.actor)
        assert refused.value.details["status"] == old
        version.refresh_from_db()
        assert version.status == old
    assert Entry.of(owner.tenant.id).count() == before


def test_every_resting_state_may_be_archived_and_archived_is_the_end():
    working = {Status.VALIDATING, Status.TRANSFORMING, Status.PUBLISHING}
    for state in set(Status.values) - working - {Status.ARCHIVED}:
        assert Status.ARCHIVED in lifecycle.EDGES[state]
    assert lifecycle.EDGES[Status.ARCHIVED] == frozenset()


def test_a_stale_copy_does_not_move_a_version_that_moved_on(owner):
    version = factories.version_in(owner, "uploaded")
    stale = DatasetVersion.of(owner.tenant.id).get(id=version.id)
    with db.atomic():
        lifecycle.advance(version, Status.VALIDATING, owner.actor)
    with pytest.raises(lifecycle.StateConflict), db.atomic():
        lifecycle.advance(stale, Status.ARCHIVED, owner.actor)
    assert stale.status == Status.VALIDATING


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_advance_at_once_one_wins(owner):
    version = factories.version_in(owner, "uploaded")
    actor, outcomes = owner.actor, []

    def work():
        mine = DatasetVersion.everyone.get(id=version.id)
        try:
            with db.atomic():
                lifecycle.advance(mine, Status.VALIDATING, actor)
            outcomes.append("won")
        except lifecycle.StateConflict:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 7 + ["won"]
    assert Entry.of(actor.tenant_id).filter(new="validating").count() == 1


def test_archived_duplicate_does_not_hide_the_dataset(owner):
    first = factories.version_in(owner, "validated")
    with db.atomic():
        second = versions.open_derived(owner.actor, first, "candles", {})
    DatasetVersion.everyone.filter(id=second.id).update(status=Status.UPLOADED)
    second.refresh_from_db()
    with db.atomic():
        lifecycle.advance(second, Status.ARCHIVED, owner.actor, reason="duplicate")
    first.dataset.refresh_from_db()
    assert first.dataset.status == "validated"
    assert lifecycle.newest(first.dataset) == first
    listed = owner.api.get("/v1/datasets").json()["items"]
    assert [(item["version"], item["status"]) for item in listed] == [(first.number, "validated")]
