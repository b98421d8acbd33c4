"""Write transactions: one at a time on SQLite, savepoints inside, nothing kept of what failed."""

import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import DatabaseError, connection, transaction

from tradenexus import db
from tradenexus.events.models import Event
from tradenexus.jobs.models import Worker
from tradenexus.tenancy.models import Tenant

pytestmark = pytest.mark.django_db(transaction=True)


def names():
    return set(Tenant.objects.values_list("name", flat=True))


def fail(name):
    with db.atomic():
        Tenant.objects.create(name=name)
        raise ZeroDivisionError


def test_the_clock_is_aware_and_of_the_database():
    assert db.now().tzinfo is UTC
    assert abs(db.now() - datetime.now(UTC)) < timedelta(seconds=10)


def test_what_fails_leaves_nothing_and_the_next_one_can_write():
    with pytest.raises(ZeroDivisionError):
        fail("lost")
    with db.atomic():
        Tenant.objects.create(name="kept")
    assert names() == {"kept"}


def test_inside_another_it_is_a_savepoint():
    with db.atomic():
        Tenant.objects.create(name="outer")
        with pytest.raises(ZeroDivisionError):
            fail("inner")
        with db.atomic():
            Tenant.objects.create(name="second")
    assert names() == {"outer", "second"}


def test_it_can_be_taken_again_after_a_plain_transaction_was_open():
    with transaction.atomic(), db.atomic():
        Tenant.objects.create(name="x")
    with db.atomic():
        assert names() == {"x"}


def test_on_sqlite_writers_wait_for_each_other_and_none_is_refused():
    if not db.is_sqlite():
        pytest.skip("PostgreSQL has no turnstile")
    inside, most, wrong = [], [], []

    def write(number):
        try:
            for turn in range(5):
                with db.atomic():
                    inside.append(number)
                    most.append(len(inside))
                    Tenant.objects.create(name=f"{number}-{turn}")
                    time.sleep(0.002)
                    inside.remove(number)
        except DatabaseError as fault:
            wrong.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert max(most) == 1
    assert len(names()) == 30


def test_a_process_that_holds_the_log_keeps_it_when_connections_close(settings, tmp_path, monkeypatch):
    if not db.is_sqlite():
        pytest.skip("PostgreSQL keeps its own log")
    file = tmp_path / "held.sqlite3"
    monkeypatch.setitem(settings.DATABASES, "default", {**settings.DATABASES["default"], "NAME": str(file)})
    log = file.with_name(file.name + "-wal")
    monkeypatch.setattr(db, "_held", None)

    def write():
        with closing(sqlite3.connect(file)) as other:
            other.execute("PRAGMA journal_mode=WAL")
            other.execute("CREATE TABLE IF NOT EXISTS kept (x)")
            other.execute("INSERT INTO kept VALUES (1)")
            other.commit()

    write()
    assert not log.exists()
    db.hold_log()
    db.hold_log()  # the second time there is nothing to do
    with closing(db._held):
        write()
        assert log.stat().st_size > 0
    assert not log.exists()


def test_a_sound_connection_is_kept_and_a_broken_one_is_not():
    names()
    kept = connection.connection
    db.drop_broken()
    assert connection.connection is kept
    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute("SELECT nothing FROM nowhere")
    db.drop_broken()
    assert connection.connection is None
    assert names() == set()


def test_an_inserted_row_is_the_one_that_was_given(owner):
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    given = Event(tenant=owner.tenant, seq=7, at=at, type="x.y", subject="ds_1", data={"a": [1, None, "é"], "b": 0.5})
    db.insert(given)
    kept = Event.of(owner.tenant.id).get(pk=given.pk)
    for field in Event._meta.concrete_fields:
        assert getattr(kept, field.attname) == getattr(given, field.attname)
    with pytest.raises(DatabaseError):
        db.insert(given)


def test_what_the_database_makes_is_left_to_it_when_a_row_is_inserted():
    worker = Worker(place="here", host="h", pid=1, concurrency=1)
    db.insert(worker)
    assert abs(Worker.objects.get(pk=worker.pk).started_at - db.now()) < timedelta(seconds=10)
    db.insert(Session(session_key="k", session_data="", expire_date=db.now()))
    assert Session.objects.filter(session_key="k").exists()


def test_many_queries_are_asked_in_one_statement_each_cut_and_in_its_own_order(django_assert_num_queries):
    for number in range(250):
        Tenant.objects.create(name=f"{number % 125:03}-{number}")
    rows = [Tenant.objects.filter(name__startswith=f"{number:03}-").order_by("-name") for number in range(125)]
    asked = [*rows, Tenant.objects.none(), Tenant.objects.filter(name="%s")]
    with django_assert_num_queries(2):
        counts = db.counted(asked)
    assert counts == [2] * 125 + [0, 0]
    with django_assert_num_queries(2):
        keys = db.keys_of([each[:1] for each in asked])
    assert keys == [{each.first().pk} for each in rows] + [set(), set()]
    assert (db.counted([]), db.keys_of([])) == ([], [])
