"""The fault proxy itself: what each of its faults does to both sides, by a server that writes down what it hears."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time

import pytest

from tests.kit.proxy import BLACKHOLE, PASS, Proxy, fin, half_open, random_plan, reset, slow


class Echo:
    """Answers each block with itself; keeps what each connection said and how it ended ("fin" or "reset")."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard: list[bytearray] = []
        self.ended: dict[int, str] = {}
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                one, _ = self.listener.accept()
                self.heard.append(bytearray())
                threading.Thread(target=self._answer, args=(len(self.heard) - 1, one), daemon=True).start()

    def _answer(self, number: int, one: socket.socket) -> None:
        try:
            while data := one.recv(1 << 16):
                self.heard[number] += data
                one.sendall(data)
            self.ended[number] = "fin"
        except OSError:
            self.ended[number] = "reset"
        one.close()

    def end_of(self, number: int) -> str:
        deadline = time.monotonic() + 5
        while number not in self.ended and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.ended.get(number, "")


@pytest.fixture
def echo():
    made = Echo()
    yield made
    made.listener.close()


def dial(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def hear(one: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size and (data := one.recv(1 << 16)):
        found += data
    return found


def test_without_a_fault_every_byte_passes_both_ways(echo):
    data = bytes(range(256)) * 4_000
    with Proxy(echo.port) as proxy, dial(proxy) as one:
        threading.Thread(target=one.sendall, args=(data,)).start()
        assert hear(one, len(data)) == data
    assert bytes(echo.heard[0]) == data
    assert proxy.cut == 0


def test_a_reset_cuts_both_sides_hard_after_exactly_so_many_bytes(echo):
    with Proxy(echo.port, plan=[reset(10)]) as proxy, dial(proxy) as one:
        one.sendall(b"x" * 25)
        with pytest.raises(ConnectionResetError):
            hear(one, 100)
        assert echo.end_of(0) == "reset"
    assert bytes(echo.heard[0]) == b"x" * 10
    assert proxy.cut == 1


def test_a_fin_ends_politely_after_exactly_so_many_bytes(echo):
    with Proxy(echo.port, plan=[fin(10)]) as proxy, dial(proxy) as one:
        one.sendall(b"x" * 10)
        assert echo.end_of(0) == "fin"
    assert bytes(echo.heard[0]) == b"x" * 10


def test_a_half_open_connection_says_nothing_more_to_either_side(echo):
    with Proxy(echo.port, plan=[half_open(10)]) as proxy, dial(proxy) as one:
        one.sendall(b"x" * 30)
        one.settimeout(0.5)
        with pytest.raises(TimeoutError):
            hear(one, 100)
        assert 0 not in echo.ended
    assert bytes(echo.heard[0]) == b"x" * 10


def test_a_blackhole_takes_the_connection_and_passes_nothing(echo):
    with Proxy(echo.port, plan=[BLACKHOLE]) as proxy, dial(proxy) as one:
        one.sendall(b"x")
        one.settimeout(0.3)
        with pytest.raises(TimeoutError):
            one.recv(1)
    assert echo.heard == []


def test_latency_and_a_limit_of_bytes_make_it_late(echo):
    with Proxy(echo.port, plan=[slow(latency_s=0.2), slow(bytes_per_s=10_000)]) as proxy:
        for size, least_s in ((1, 0.4), (2_000, 0.15)):  # the first late there and back
            with dial(proxy) as one:
                began = time.monotonic()
                one.sendall(b"x" * size)
                assert hear(one, size) == b"x" * size
                assert time.monotonic() - began >= least_s


def test_each_connection_meets_with_its_own_fault_and_later_ones_with_none(echo):
    with Proxy(echo.port, plan=[fin(1), PASS]) as proxy:
        for _ in range(3):
            with dial(proxy) as one:
                one.sendall(b"y")
                hear(one, 1)
        assert proxy.met == [fin(1), PASS, PASS]


def test_the_numbers_alone_reset_whichever_connection_passes_them_first(echo):
    with Proxy(echo.port, 5, 3) as proxy:
        for size in (2, 6, 4, 9):
            with dial(proxy) as one, contextlib.suppress(ConnectionError):
                one.sendall(b"z" * size)
                hear(one, size)
        assert proxy.cut == 2


def test_equal_seeds_give_equal_plans():
    def first(seed: int) -> list:
        return list(itertools.islice(random_plan(seed, 1 << 20), 50))

    assert first(3) == first(3) != first(4)
    assert {fault.end for fault in first(3)} == {"reset", "fin", "half-open"}
    assert all(1 <= fault.after < 1 << 20 for fault in first(3))
