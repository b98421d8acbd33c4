"""What steps do to rows: partitions, order, exactness, and the same answer however the rows are batched."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.formats.batches import MappedBatch, Reject
from datasets.market import kinds, schemas
from datasets.transforms import recipe
from datasets.transforms.applying import Applied, LocalTimesRefused, StepMatchesNothing, TimesOutOfRange
from datasets.transforms.marks import Duplicates, Marks

FAST = settings(max_examples=60, deadline=None)
NAN = float("nan")
PRICES = st.sampled_from([None, NAN, -1.0, 0.0, 1.0, 2.0, 3.5])
ROWS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from("AB"), PRICES, PRICES), min_size=1, max_size=30)


def batch(rows, first=0):
    """Return trades (second, symbol, price, size) as a mapped batch."""
    columns = {
        "ts_event": pa.array([at * 10**9 for at, *_ in rows], pa.int64()).cast(schemas.TIMESTAMP),
        "price": pa.array([each[2] for each in rows], pa.float64()),
        "size": pa.array([each[3] for each in rows], pa.float64()),
        "symbol": pa.array([each[1] for each in rows]).dictionary_encode().cast(schemas.SYMBOL_TYPE),
    }
    schema = schemas.mapped(kinds.TRADES)
    arrays = [columns.get(field.name, pa.nulls(len(rows), field.type)) for field in schema]
    return MappedBatch(pa.table(arrays, schema=schema), np.arange(first, first + len(rows)))


def cut(rows, size):
    return [batch(rows[at : at + size], at) for at in range(0, len(rows), size)]


def run(steps, batches, tmp_path=None):
    """Return (what is left as (row, second, price, size), the Applied)."""
    steps, marks = recipe.parse(steps, kinds.TRADES), {}
    for number, step in enumerate(steps):
        if step["op"] == "dedupe":
            found, before = Duplicates(step["by"], step["keep"], tmp_path), Applied(steps[:number], marks)
            for each in map(before.change, batches):
                found.push(each.table, each.table.column("symbol").cast(pa.string()).combine_chunks(), each.row)
            marks[number] = found.marks()
    applied = Applied(steps, marks)
    left = []
    for each in map(applied.change, batches):
        columns = [each.table.column(name).to_pylist() for name in ("price", "size")]
        times = each.table.column("ts_event").cast(pa.int64()).to_pylist()
        left += zip(each.row.tolist(), times, *columns, strict=True)
    return left, applied


def drop(*where, **more):
    return {"op": "drop", "where": [dict(zip(("column", "op", "value"), each, strict=False)) for each in where], **more}


@FAST
@given(ROWS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.sampled_from([0, 1, 2.5]))
def test_what_is_kept_and_what_is_dropped_are_all_rows_and_nothing_without_a_value_is_dropped(rows, op, value):
    left, applied = run([drop(("price", op, value))], [batch(rows)])
    assert len(left) + applied.touched[0] == len(rows) == applied.rows_in
    kept = {each[0] for each in left}
    for number, (_, _, price, _) in enumerate(rows):
        known = price is not None and price == price
        holds = known and eval(f"price {op} value", {"price": price, "value": value})
        assert (number in kept) is not holds


@FAST
@given(ROWS, st.integers(1, 7), st.sampled_from(["first", "last"]))
def test_the_answer_does_not_depend_on_how_rows_are_batched(tmp_path_factory, rows, size, keep):
    steps = [
        drop(("price", "<", 0)),
        {"op": "dedupe", "by": ["ts_event", "price"], "keep": keep},
        {"op": "scale", "columns": ["size"], "factor": "1/3", "instrument": "A"},
        {"op": "shift", "seconds": 0.25},
        {"op": "clip_range", "from": "1970-01-01T00:00:01Z"},
    ]
    folder = tmp_path_factory.mktemp("keys")
    whole, once = run(steps, [batch(rows)], folder)
    parts, again = run(steps, cut(rows, size), folder)
    assert repr(whole) == repr(parts)
    assert (once.touched, repr(once.samples)) == (again.touched, repr(again.samples))
    assert once.rows_in - again.rows_out == sum(once.touched[at] for at in (0, 1, 4))


@FAST
@given(ROWS, st.sampled_from(["first", "last"]), st.sampled_from([["price"], ["ts_event", "size"], ["ts_event"]]))
def test_a_second_dedupe_touches_nothing_and_one_row_of_each_key_is_left(tmp_path_factory, rows, keep, by):
    step = {"op": "dedupe", "by": by, "keep": keep}
    left, applied = run([step, step], [batch(rows)], tmp_path_factory.mktemp("keys"))
    assert applied.touched[1] == 0
    named = {"ts_event": 0, "price": 2, "size": 3}
    keys = {}
    for number, row in enumerate(rows):
        key = tuple(None if row[named[name]] != row[named[name]] else row[named[name]] for name in by)
        place = (row[1], *key) if any(each is not None for each in key) else number
        keys.setdefault(place, []).append(number)
    wanted = {each[0] if keep == "first" else each[-1] for each in keys.values()}
    assert {each[0] for each in left} == wanted


def test_steps_act_in_their_order():
    rows = [(0, "A", 1.0, 1.0), (1, "A", 5.0, 1.0)]
    scale = {"op": "scale", "columns": ["price"], "factor": 10}
    assert [each[2] for each in run([scale, drop(("price", ">", 9))], [batch(rows)])[0]] == []
    assert [each[2] for each in run([drop(("price", ">", 9)), scale], [batch(rows)])[0]] == [10.0, 50.0]


def test_conditions_join_by_all_or_any_and_a_column_is_compared_with_another():
    rows = [(0, "A", 1.0, 2.0), (1, "A", 3.0, 2.0), (2, "A", 3.0, None)]
    both = (("price", ">", 2), ("size", "null"))
    assert len(run([drop(*both)], [batch(rows)])[0]) == 2
    assert len(run([drop(*both, match="any")], [batch(rows)])[0]) == 1
    other = {"op": "drop", "where": [{"column": "price", "op": "<", "other": "size"}]}
    assert [each[0] for each in run([other], [batch(rows)])[0]] == [1, 2]


def test_a_scale_multiplies_inside_its_range_only_and_makes_no_value_of_none():
    rows = [(0, "A", 7.0, None), (1, "A", 7.0, 0.0), (1, "B", 7.0, NAN), (2, "A", 7.0, 1.0)]
    span = {"from": "1970-01-01T00:00:01Z", "to": "1970-01-01T00:00:02Z"}
    step = {"op": "scale", "columns": ["price", "size"], "factor": "1/7", **span}
    left, applied = run([step], [batch(rows)])
    assert [each[2] for each in left] == [7.0, 1.0, 1.0, 7.0]
    assert [each[3] for each in left][:2] == [None, 0.0]
    assert left[3][3] == 1.0
    assert applied.touched == [2]
    first = applied.samples[0][0]
    assert (first["row"], first["before"]["price"], first["after"]["price"]) == (1, 7.0, 1.0)


def test_examples_are_the_first_twenty_and_the_count_is_exact():
    _, applied = run([drop(("price", ">", 0))], cut([(at, "A", 1.0, 1.0) for at in range(50)], 7))
    (told,) = applied.told()
    assert told["touched"] == 50
    assert [sample["row"] for sample in told["samples"]] == list(range(20))
    assert told["samples"][3]["before"]["ts_event"] == "1970-01-01T00:00:03Z"
    assert told["samples"][3]["after"] is None


def test_wall_clock_times_become_utc_on_both_sides_of_the_change():
    winter, summer = 1_704_103_200, 1_719_828_000  # 10:00 on 2024-01-01 and 2024-07-01
    rows = [(winter, "A", 1.0, 1.0), (summer, "A", 1.0, 1.0)]
    left, _ = run([{"op": "shift", "zone": "America/New_York"}], [batch(rows)])
    assert [each[1] // 10**9 for each in left] == [winter + 5 * 3600, summer + 4 * 3600]


def test_a_wall_clock_time_that_never_was_or_was_twice_is_refused_and_shown():
    never, twice = 1_710_037_800, 1_730_597_400  # 02:30 on 2024-03-10, 01:30 on 2024-11-03
    _, applied = run([{"op": "shift", "zone": "America/New_York"}], cut([(never, "A", 1, 1), (twice, "A", 1, 1)], 1))
    with pytest.raises(LocalTimesRefused) as refused:
        applied.told()
    assert refused.value.details == {
        "step": 1,
        "missing": 1,
        "double": 1,
        "samples": [
            {"row": 0, "ts": "2024-03-10T02:30:00Z", "why": "missing"},
            {"row": 1, "ts": "2024-11-03T01:30:00Z", "why": "double"},
        ],
    }


def test_a_shift_beyond_what_can_be_stored_is_refused():
    late = [(9_223_372_000, "A", 1.0, 1.0)]
    with pytest.raises(TimesOutOfRange):
        run([{"op": "shift", "seconds": 3_000_000_000}], [batch(late)])


def test_a_step_for_another_instrument_touches_nothing_and_must_match_refuses_it():
    step = drop(("price", ">", 0), instrument="C", mustMatch=True)
    left, applied = run([step], [batch([(0, "A", 1.0, 1.0)])])
    assert len(left) == 1
    assert applied.told()[0]["touched"] == 0
    with pytest.raises(StepMatchesNothing) as refused:
        applied.refuse_idle()
    assert refused.value.details == {"step": 1}


def test_records_that_could_not_be_read_can_be_dropped_by_the_check_that_names_them():
    marks = Marks()
    marks.add(np.array([1, 2]))
    steps = recipe.parse([{"op": "drop", "check": "schema.readable"}], kinds.TRADES)
    applied = Applied(steps, {0: marks})
    given = batch([(0, "A", 1.0, 1.0)])
    given.rejects = [Reject(1, None, "price", "x", "NO_NUMBER"), Reject(1, None, "size", "y", "NO_NUMBER")]
    given.rejects += [Reject(2, None, "price", "z", "NO_NUMBER"), Reject(5, None, "price", "w", "NO_NUMBER")]
    left = applied.change(given)
    assert [each.row for each in left.rejects] == [5]
    assert (applied.rows_in, applied.rows_out, applied.touched) == (4, 2, [2])
