"""What waits comes back as it was, from memory or from the scratch file, and holds no more than it may."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from datasets.quality import strips, waiting
from tests.datasets.quality.test_strips import SCHEMA, same, seeds, table

FAST = hypothesis(deadline=None, max_examples=60, suppress_health_check=list(hypothesis().suppress_health_check))


@given(parts=seeds, settle=st.booleans(), most=st.sampled_from([1, 10, 5000]))
def test_slices_are_gathered_by_copy(parts, settle, most):
    whole = strips.joined([strips.of(table(*part)) for part in parts])
    filling, at = waiting.Filling(), 0
    for rows, seed in parts:
        part = strips.of(table(rows, seed))
        filling.add(part, 0, rows // 2, most)
        filling.add(part, rows // 2, rows, most)
        if settle:
            filling.settle()
        at += rows
    assert filling.rows == at
    found = filling.out(SCHEMA.names)
    assert same(found.table(SCHEMA), whole.table(SCHEMA))
    assert filling.rows == 0
    again = waiting.Filling()
    again.add(whole, 0, whole.rows, most)
    assert not np.shares_memory(again.out(SCHEMA.names).ts, whole.ts)


@FAST
@given(parts=seeds, bound=st.sampled_from([0, 100, 1 << 20]))
def test_rows_wait_in_memory_or_in_the_scratch_file(tmp_path_factory, parts, bound):
    folder = tmp_path_factory.mktemp("scratch")
    room = waiting.Room(folder)
    before, waiting.HELD_BYTES = waiting.HELD_BYTES, bound
    try:
        pending = [waiting.Pending(room), waiting.Pending(room)]
        for number, part in enumerate(parts):
            pending[number % 2].add(strips.of(table(*part)))
            assert room.held <= max(bound, 0)
        for offset, each in enumerate(pending):
            mine = [strips.of(table(*part)) for part in parts[offset::2]]
            if mine:
                assert each.rows == sum(strip.rows for strip in mine)
                assert same(each.out().table(SCHEMA), strips.joined(mine).table(SCHEMA))
        assert room.held == 0
        assert list(folder.iterdir()) == []
    finally:
        waiting.HELD_BYTES = before
        room.close()


@given(jumps=st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=9), min_size=1, max_size=6), data=st.data())
def test_record_numbers_are_read_back_in_any_part(tmp_path_factory, jumps, data):
    room = waiting.Room(tmp_path_factory.mktemp("scratch"))
    numbers, told, at = waiting.Numbers(room), [], 100
    for piece in jumps:
        row = at + np.cumsum(piece)
        at = int(row[-1])
        numbers.add(row[:: data.draw(st.sampled_from([1, -1]))])
        told += numbers.between(len(told), len(told) + len(row)).tolist()
        assert sorted(told[-len(row) :]) == row.tolist()
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(told)), st.integers(0, len(told)))))
    if start < end:
        assert numbers.between(start, end).tolist() == told[start:end]
    assert numbers.first == told[0]
    room.close()


def test_the_more_instruments_the_fewer_rows_each_waits_for(tmp_path):
    room = waiting.Room(tmp_path)
    rows = []
    for instruments in (1, 100, 1_000, 10_000, 1_000_000):
        room.enter(instruments)
        rows.append(room.look_rows)
    assert rows[0] == waiting.LOOK_ROWS
    assert all(one >= other for one, other in itertools.pairwise(rows))
    assert rows[-1] >= 1
    room.close()
