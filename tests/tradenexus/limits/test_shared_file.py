"""The shared files themselves: full buckets, clocks of an earlier boot, and a holder that was stopped."""

import fcntl
import multiprocessing
import os
import time

import pytest

from tradenexus.limits import shared_file
from tradenexus.limits.shared_file import Seats, SharedFile, Windows


@pytest.fixture
def clock(monkeypatch):
    """A function that sets the machine's monotonic clock."""
    return lambda now: monkeypatch.setattr(shared_file.time, "monotonic", lambda: now)


def test_in_a_full_bucket_the_smallest_count_makes_room(tmp_path, monkeypatch, clock):
    monkeypatch.setattr(Windows, "_BUCKETS", 1)
    windows = Windows(tmp_path / "counts")
    clock(100.0)
    for number in range(Windows._PLACES):
        for _ in range(number + 1):
            windows.take(f"s{number}", 60)
    clock(102.0)
    assert windows.take("new", 60) == (1, 60.0)
    assert windows.take("s7", 60) == (9, 58.0)
    assert windows.take("s0", 60)[0] == 1


def test_what_an_earlier_boot_wrote_is_old(tmp_path, clock):
    windows, seats = Windows(tmp_path / "counts"), Seats(tmp_path / "seats")
    clock(1_000_000.0)
    windows.take("a", 60)
    assert seats.hold("a", b"x" * 16, 1, 30)
    clock(5.0)
    assert windows.take("a", 60) == (1, 60.0)
    assert seats.hold("a", b"y" * 16, 1, 30)


def test_the_file_of_seats_grows_with_what_is_open_at_once_only(tmp_path):
    seats = Seats(tmp_path / "seats")
    for number in range(200):
        holder = number.to_bytes(16, "little")
        assert seats.hold("a", holder, 1, 30)
        seats.release("a", holder)
    assert (tmp_path / "seats").stat().st_size == 40


def _hold_for_ever(path, ready):
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.lockf(descriptor, fcntl.LOCK_EX)
    ready.set()
    time.sleep(60)


def test_a_stopped_holder_is_not_waited_for_and_a_killed_one_lets_go(tmp_path, monkeypatch):
    monkeypatch.setattr(shared_file, "PATIENCE_S", 0.2)
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    holder = spawn.Process(target=_hold_for_ever, args=(tmp_path / "counts", ready))
    holder.start()
    assert ready.wait(30)
    file = SharedFile(tmp_path / "counts")
    with pytest.raises(TimeoutError, match="held by another process"), file.held():
        pass
    holder.kill()
    holder.join()
    with file.held():
        pass
