"""The simulated tape: the same bytes each time, in time order, and exactly the planted defects."""

import csv
import io
import itertools
from collections import Counter

import pytest

from tradenexus.stack import tape


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.setattr(tape, "CHUNK", 7_000)
    monkeypatch.setattr(tape, "REPEATED_AT", 13_999 / 20_000)  # the last row of a chunk
    path = tmp_path / "simulated.csv"
    truth = tape.write(path, rows=20_000)
    return truth, list(csv.DictReader(io.StringIO(path.read_text()))), path


def test_same_seed_gives_the_same_bytes(small, tmp_path):
    truth, _, _ = small
    assert tape.write(tmp_path / "again.csv", rows=20_000) == truth


def test_truth_counts_what_stands_in_the_file(small):
    truth, rows, path = small
    assert truth["rows"] == len(rows) == 20_000
    assert truth["sizeBytes"] == path.stat().st_size
    assert {name: told["trades"] for name, told in truth["symbols"].items()} == Counter(row["symbol"] for row in rows)
    minutes = {(row["symbol"], int(row["timestamp"]) // 60_000_000_000) for row in rows}
    assert {name: told["minutes"] for name, told in truth["symbols"].items()} == Counter(name for name, _ in minutes)


def test_times_ascend_with_ties(small):
    _, rows, _ = small
    times = [int(row["timestamp"]) for row in rows]
    assert times == sorted(times)
    assert len(set(times)) < len(times)


def test_one_row_stands_there_twice(small):
    _, rows, _ = small
    twice = [row for row, count in Counter(tuple(row.values()) for row in rows).items() if count > 1]
    assert len(twice) == 1
    ids = [(row["symbol"], row["trade_id"]) for row in rows]
    assert len(set(ids)) == len(ids) - 1


def test_one_price_is_a_quarter_too_high(small):
    _, rows, _ = small
    last: dict[str, float] = {}
    jumps = 0
    for row in rows:
        price = float(row["price"])
        jumps += price / last.get(row["symbol"], price) > 1.2
        last[row["symbol"]] = price
    assert jumps == 1


def test_one_symbol_is_silent_for_90_minutes():
    silent = tape.Tape(tape.ROWS)
    silent.clock_us = tape.SILENCE_US[0] - tape.MINUTE_US
    lines = silent.chunk(0, 40_000).decode().splitlines()
    times = [int(line.split(",")[0]) // 1000 for line in lines if tape.SYMBOLS[tape.SILENT].decode() in line]
    longest = max(later - earlier for earlier, later in itertools.pairwise(times))
    assert 90 * tape.MINUTE_US <= longest < 91 * tape.MINUTE_US


def test_cut_tape_is_not_believed(small):
    truth, _, path = small
    assert tape.read_truth(path, 20_000) == truth
    assert tape.read_truth(path, 30_000) == {}
    path.write_bytes(path.read_bytes()[:-1])
    assert tape.read_truth(path, 20_000) == {}
    assert tape.read_truth(path.with_name("absent.csv")) == {}
