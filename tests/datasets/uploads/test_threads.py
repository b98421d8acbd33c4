"""The threads of the byte path keep their connection while they work, and nothing that others need while they rest."""

import threading
import time

import pytest
from django.db import connection, connections

from datasets.uploads import threads

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pool():
    return threads.Pool(1, "one")


def look():
    connection.ensure_connection()
    return connections["default"]


def test_calls_that_follow_each_other_share_a_connection(pool):
    first = pool.submit(lambda: look().connection).result(10)
    assert pool.submit(lambda: look().connection).result(10) is first


def test_a_resting_thread_holds_no_connection_to_the_database(pool):
    held = pool.submit(look).result(10)
    deadline = time.monotonic() + threads.REST_S + 5
    while held.connection is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert held.connection is None
    assert pool.submit(lambda: look().connection).result(10) is not None  # and it works on afterwards


def test_a_connection_on_which_a_statement_failed_is_not_kept(pool):
    def fail():
        own = look()
        own.cursor().execute("SELECT no FROM where_there_is_none")

    broken = pool.submit(lambda: look().connection).result(10)
    with pytest.raises(Exception, match="where_there_is_none"):
        pool.submit(fail).result(10)
    assert pool.submit(lambda: look().connection).result(10) is not broken


def test_no_more_threads_start_than_may_and_no_call_is_lost():
    pool, gate, names = threads.Pool(3, "three"), threading.Event(), set()

    def note(number):
        names.add(threading.current_thread().name)
        gate.wait(10)
        return number

    calls = [pool.submit(note, number) for number in range(20)]
    gate.set()
    assert [call.result(10) for call in calls] == list(range(20))
    assert names == {"three-1", "three-2", "three-3"}
