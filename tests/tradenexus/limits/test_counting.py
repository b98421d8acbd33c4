"""Counts are exact over processes, in Redis and in files; without either, requests go on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.tradenexus.limits.conftest import needs_redis
from tradenexus.limits import counting

ROOT = Path(__file__).resolve().parents[3]
# Every process takes as fast as it can, from two threads; each prints the numbers it was given.
_TAKER = """
import sys, threading, django; django.setup()
from tradenexus.limits import counting
numbers = []
def take():
    for _ in range(int(sys.argv[1])):
        numbers.append(counting.take("reads:key:a", 60)[0])
print("ready", flush=True); sys.stdin.readline()
threads = [threading.Thread(target=take) for _ in range(2)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
print(*numbers)
"""
_SITTER = """
import os, sys, django; django.setup()
from tradenexus.limits import counting
print("ready", flush=True); sys.stdin.readline()
print(sum(counting.hold("key:a", os.urandom(16), 50, 30) for _ in range(int(sys.argv[1]))))
"""


def side_by_side(code: str, home: Path, url: str, count: int, processes: int = 4) -> list[list[int]]:
    """Run code in several processes that begin together; return the numbers each printed."""
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.kit.settings", "NEXUS_HOME": str(home), "REDIS_URL": url}
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(count)], env=env, cwd=ROOT, text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(processes)
    ]  # fmt: skip
    assert [process.stdout.readline() for process in running] == ["ready\n"] * processes
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    return [[int(word) for word in process.communicate(timeout=120)[0].split()] for process in running]


def test_a_window_counts_each_subject_for_itself(anywhere):
    assert [counting.take("reads:key:a", 60)[0] for _ in range(3)] == [1, 2, 3]
    assert counting.take("reads:key:b", 60)[0] == 1
    assert counting.take("writes:key:a", 60)[0] == 1
    assert 59 < counting.take("reads:key:a", 60)[1] <= 60


def test_a_window_ends_and_the_next_begins_at_one(anywhere):
    assert [counting.take("reads:key:a", 0.3)[0] for _ in range(2)] == [1, 2]
    time.sleep(0.35)
    assert counting.take("reads:key:a", 0.3)[0] == 1


def test_four_processes_count_every_request_once(anywhere, settings, tmp_path):
    given = side_by_side(_TAKER, tmp_path, settings.REDIS_URL, 500)
    assert sorted(number for numbers in given for number in numbers) == list(range(1, 4 * 2 * 500 + 1))


def test_seats_are_given_back_kept_and_no_more_than_there_are(anywhere):
    first, second, third = (bytes([number]) * 16 for number in (1, 2, 3))
    assert [counting.hold("key:a", one, 2, 30) for one in (first, second, third)] == [True, True, False]
    assert counting.hold("key:a", first, 2, 30)
    assert counting.hold("key:b", third, 2, 30)
    counting.release("key:a", second)
    assert [counting.hold("key:a", one, 2, 30) for one in (third, second)] == [True, False]


def test_a_holder_that_died_loses_its_seat_when_the_lease_ends(anywhere):
    dead, kept, new = (bytes([number]) * 16 for number in (1, 2, 3))
    assert counting.hold("key:a", dead, 2, 0.3)
    assert counting.hold("key:a", kept, 2, 30)
    assert not counting.hold("key:a", new, 2, 30)
    time.sleep(0.35)
    assert counting.hold("key:a", new, 2, 30)


def test_four_processes_share_the_seats(anywhere, settings, tmp_path):
    given = side_by_side(_SITTER, tmp_path, settings.REDIS_URL, 40)
    assert sum(number for [number] in given) == 50


@needs_redis
def test_a_lost_redis_leaves_the_machine_counting_and_is_asked_again_when_it_is_back(on_redis, monkeypatch):
    monkeypatch.setattr(counting, "PAUSE_S", 0.2)
    counting.take("reads:key:a", 60)
    on_redis.kill()
    assert [counting.take("reads:key:a", 60)[0] for _ in range(2)] == [1, 2]
    assert counting.hold("key:a", b"x" * 16, 1, 30)
    on_redis.start()
    time.sleep(0.25)
    assert counting.take("reads:key:a", 60)[0] == 1
    assert on_redis.client.get("nexus:limit:reads:key:a") == b"1"


@needs_redis
def test_a_flushed_redis_begins_anew(on_redis):
    counting.take("reads:key:a", 60)
    on_redis.client.flushall()
    assert counting.take("reads:key:a", 60)[0] == 1


@needs_redis
def test_a_redis_that_hangs_holds_up_one_request_not_each(on_redis):
    import signal

    counting.take("reads:key:a", 60)
    on_redis.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    for _ in range(20):
        counting.take("reads:key:a", 60)
    took_s = time.monotonic() - began
    on_redis.process.send_signal(signal.SIGCONT)
    assert took_s < 3


def test_a_folder_that_cannot_be_written_stops_nobody(on_file, settings):
    (on_file / "run").write_text("a file in the place of the folder")
    assert counting.take("reads:key:a", 60) == (0, 0.0)
    assert counting.hold("key:a", b"x" * 16, 1, 30)
    counting.release("key:a", b"x" * 16)


def test_many_addresses_never_push_out_a_subject_near_its_limit(on_file):
    seen = Counter()
    for number in range(3_000):
        counting.take(f"reads:ip:{number}", 60)
        if number % 10 == 0:
            seen["key"] = counting.take("reads:key:a", 60)[0]
    assert seen["key"] == 300


@pytest.mark.parametrize("size", [1, 31, 1000])
def test_a_file_cut_short_or_full_of_something_else_is_counted_over(on_file, size):
    for name in ("requests.counts", "sockets.counts"):
        (on_file / "run").mkdir(exist_ok=True)
        (on_file / "run" / name).write_bytes(os.urandom(size))
    assert [counting.take("reads:key:a", 60)[0] for _ in range(2)] == [1, 2]
    assert [counting.hold("key:a", bytes([number]) * 16, 1, 30) for number in range(2)] == [True, False]
