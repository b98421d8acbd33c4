"""The audit chain: append-only by hash; every kind of change is found and named."""

import threading

import pytest
from django.db import connection

from tradenexus import db
from tradenexus.audit import chain
from tradenexus.audit.models import Entry, Head
from tradenexus.events import outbox
from tradenexus.events.models import Event

pytestmark = pytest.mark.django_db


def write(person, count, **details):
    for number in range(count):
        with db.atomic():
            outbox.record(person.actor, "test.happened", "dsv_x", old="a", new=f"b{number}", details=details)


def test_a_written_chain_verifies_and_tells_its_length(owner):
    write(owner, 5, score=0.1, name="Zürich\0", nested={"list": (1, 2.5)})
    verdict = chain.verify(owner.tenant.id)
    assert (verdict.ok, verdict.entries) == (True, 5)
    answer = owner.api.get("/v1/audit:verify").data
    assert (answer["ok"], answer["firstBad"]) == (True, None)


def test_the_link_that_the_database_may_make_is_the_one_we_verify_with(owner):
    """A reason of any text hashes alike in Python and in PostgreSQL; entry, head and event carry one story."""
    reason = "Zürich 東京 \\ \" ' %s %% {} 0001\n\u2028"
    with db.atomic():
        number = outbox.record(owner.actor, "test.happened", "dsv_x", reason=reason, data={"rows": 3, "what": reason})
    entry, head = Entry.of(owner.tenant.id).get(), Head.objects.get(tenant=owner.tenant)
    assert entry.hash == chain.link(entry)
    assert (entry.seq, entry.reason, entry.prev_hash) == (1, reason, "0" * 64)
    assert (head.audit_seq, head.audit_hash, head.audit_previous) == (1, entry.hash, entry.prev_hash)
    event = Event.of(owner.tenant.id).get(seq=number)
    assert (event.type, event.subject, event.at) == ("test.happened", "dsv_x", entry.at)
    assert (event.data["rows"], event.data["reason"], event.data["what"]) == (3, reason, reason)


@pytest.mark.parametrize(
    ("column", "value"), [("reason", "x"), ("new", "y"), ("user_id", None), ("details", {"a": 1}), ("hash", "0" * 64)]
)
def test_an_edited_entry_is_named(owner, column, value):
    write(owner, 5)
    Entry.of(owner.tenant.id).filter(seq=3).update(**{column: value})
    verdict = chain.verify(owner.tenant.id)
    assert (verdict.ok, verdict.first_bad) == (False, 3)


def test_a_deleted_a_swapped_and_a_cut_off_entry_are_found(owner, stranger):
    write(owner, 5)
    Entry.of(owner.tenant.id).filter(seq=2).delete()
    assert chain.verify(owner.tenant.id).first_bad == 2
    write(stranger, 5)
    Entry.of(stranger.tenant.id).filter(seq=5).delete()
    cut = chain.verify(stranger.tenant.id)
    assert (cut.ok, cut.first_bad, cut.why) == (False, 5, "the newest entries are missing")


def test_each_tenant_has_a_chain_of_its_own_and_sees_no_other(owner, stranger):
    write(owner, 2)
    write(stranger, 1)
    assert [item["seq"] for item in stranger.api.get("/v1/audit").data["items"]] == [1]
    assert chain.verify(stranger.tenant.id).entries == 1


def test_export_is_the_whole_chain_oldest_first(owner):
    write(owner, 3)
    body = b"".join(owner.api.get("/v1/audit/export")).decode()
    assert body.count("\n") == 3
    assert body.index('"seq": 1') < body.index('"seq": 3')


def test_entries_filter_by_object_and_by_person(owner, teammate):
    write(owner, 1)
    write(teammate, 2)
    me = teammate.api.get("/v1/me").data["userId"]
    assert len(owner.api.get(f"/v1/audit?actor={me}").data["items"]) == 2
    assert len(owner.api.get("/v1/audit?object=dsv_x").data["items"]) == 3
    assert owner.api.get("/v1/audit?actor=nobody").status_code == 400


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_a_transaction_is_refused(owner):
    with pytest.raises(RuntimeError):
        chain.record(owner.actor, "x", "y")


@pytest.mark.django_db(transaction=True)
def test_four_writers_at_once_make_one_chain_and_one_numbering(owner):
    actor = owner.actor

    def work():
        for _ in range(15):
            with db.atomic():
                outbox.record(actor, "race", "dsv_x")
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert chain.verify(owner.tenant.id).entries == 60
    numbers = list(Event.of(owner.tenant.id).order_by("seq").values_list("seq", flat=True))
    assert numbers == list(range(1, 61))
    assert Head.objects.get(tenant=owner.tenant).event_seq == 60
