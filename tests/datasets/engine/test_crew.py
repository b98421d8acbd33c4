"""Several children at once: all answers in order, or one reason and nobody left."""

import threading

import pytest

from datasets.engine import crew
from datasets.engine.children import ChildCancelled, ChildFailed, Limits

SMALL = Limits(memory_bytes=300 << 20, cpu_s=5, wall_s=20)


def run(name, shares, on_message=lambda number, said: None, cancelled=lambda: False):
    return crew.run(f"tests.kit.childtasks:{name}", shares, limits=SMALL, on_message=on_message, cancelled=cancelled)


@pytest.mark.parametrize("count", [1, 3])
def test_answers_come_in_order_and_messages_in_the_callers_thread(count):
    said = []
    shares = [{"a": number} for number in range(count)]
    told = run("echo", shares, lambda number, message: said.append((number, threading.current_thread())))
    assert told == [{"params": share} for share in shares]
    assert sorted(number for number, _ in said) == list(range(count))
    assert {thread for _, thread in said} == {threading.current_thread()}


def test_one_failure_ends_the_others_and_is_what_is_raised():
    with pytest.raises(ChildFailed) as caught:
        run("sleep_or_crash", [{"seconds": 60}, {"seconds": 0}])
    assert caught.value.code == "READER_CRASHED"


def test_cancelling_ends_all():
    with pytest.raises(ChildCancelled):
        run("sleep_or_crash", [{"seconds": 60}, {"seconds": 60}], cancelled=lambda: True)
