"""Comparing two revisions row by row: what is told, applied to the one, gives the other; whatever the row groups."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.lake import comparing
from tests.house.tree import ROOT
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY

PRICES = st.sampled_from([1.0, 2.0, 2.5, -0.0, 0.0])
BARS = st.dictionaries(st.integers(0, 12), st.tuples(PRICES, st.one_of(st.none(), PRICES)), max_size=12)
ACTIONS = st.dictionaries(st.tuples(st.integers(0, 3), st.sampled_from(["split", "dividend"])), PRICES, max_size=6)
TICKS = st.lists(st.tuples(st.integers(0, 6), PRICES, st.sampled_from(["x", "y", None])), max_size=14)
QUIETLY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def stamps(values, step=DAY):
    return (MONDAY * DAY + np.array(values, dtype=np.int64) * step).astype("datetime64[ns]")


def of_bars(days):
    order = sorted(days)
    closes = [days[day][0] for day in order]
    columns = dict.fromkeys(("open", "high", "low", "close"), closes) | {"volume": [days[day][1] for day in order]}
    columns = {name: pa.array(values, pa.float64()) for name, values in columns.items()}
    return lake.shaped({"ts_event": stamps(order)} | columns, "crypto_bars_1d")


def of_actions(held):
    order = sorted(held)
    columns = {"action": [name for _, name in order], "value": [held[key] for key in order]}
    columns = {"action": pa.array(columns["action"], pa.string()), "value": pa.array(columns["value"], pa.float64())}
    return lake.shaped({"ts_event": stamps([day for day, _ in order])} | columns, "corporate_actions")


def of_ticks(held):
    ordered = sorted(held, key=lambda row: row[0])
    columns = {
        "price": pa.array([row[1] for row in ordered], pa.float64()),
        "trade_id": pa.array([row[2] for row in ordered], pa.string()),
    }
    return lake.shaped({"ts_event": stamps([row[0] for row in ordered], DAY // 4)} | columns, "trades")


def compared(folder, table, a, b, groups=(5, 3), **more):
    paths = []
    for number, (rows, size) in enumerate(zip((a, b), groups, strict=True)):
        paths.append(str(folder / f"{number}.parquet") if rows.num_rows else None)
        if rows.num_rows:
            pq.write_table(rows, paths[-1], row_group_size=size)
    params = {"table": table, "calendar": "24/7", "edges": [], "shown": 100, "untilNs": None, "state": None}
    params["spans"] = [{"a": paths[0], "b": paths[1]}] if any(paths) else []
    return comparing.compare(params | more, lambda said: None)


def listed(rows):
    """Rows as the comparison tells them: (ns, key and values), zeros by their sign."""
    columns = [rows.column(name).to_pylist() for name in rows.column_names if name != "ts_event"]
    names = [name for name in rows.column_names if name != "ts_event"]
    times = rows.column("ts_event").cast(pa.int64()).to_pylist()
    return [(ns, exact(dict(zip(names, row, strict=True)))) for ns, *row in zip(times, *columns, strict=True)]


def exact(values):
    return tuple(sorted((name, repr(value)) for name, value in values.items()))


def applied(a, found):
    """What `a` becomes when each told row is done to it."""
    bag = Counter(listed(a))
    for row in found["rows"]:
        for side, step in (("old", -1), ("new", 1)):
            if row[side] is not None:
                bag[row["ns"], exact(row[side] | row["key"])] += step
    assert min(bag.values(), default=0) >= 0
    return +bag


@pytest.mark.parametrize(
    ("table", "kind", "made"),
    [("crypto_bars_1d", BARS, of_bars), ("corporate_actions", ACTIONS, of_actions), ("trades", TICKS, of_ticks)],
)
def test_what_is_told_applied_to_a_gives_b(tmp_path, table, kind, made):
    @QUIETLY
    @given(kind, kind, st.integers(1, 6), st.integers(1, 6))
    def holds(left, right, one, other):
        a, b = made(left), made(right)
        found = compared(tmp_path, table, a, b, (one, other))
        assert applied(a, found) == Counter(listed(b))
        counts = found["counts"]
        assert counts["unchanged"] + counts["changed"] + counts["removed"] == a.num_rows
        assert counts["unchanged"] + counts["changed"] + counts["added"] == b.num_rows
        back = compared(tmp_path, table, b, a, (other, one))["counts"]
        assert (back["added"], back["removed"], back["changed"]) == (
            counts["removed"],
            counts["added"],
            counts["changed"],
        )
        assert found["untilNs"] is None
        assert "state" not in found

    holds()


def test_a_session_is_new_gone_or_changed(tmp_path):
    a, b = of_bars({0: (1.0, None), 1: (1.0, 1.0), 2: (1.0, 1.0)}), of_bars({1: (1.0, 1.0), 2: (2.5, 1.0), 3: (1.0, 1)})
    found = compared(tmp_path, "crypto_bars_1d", a, b)
    told = [(each["day"] - MONDAY, each["change"]) for each in found["sessions"]]
    assert told == [(0, "-"), (2, "~"), (3, "+")]
    close = next(each for each in found["columns"] if each["name"] == "close")
    assert (close["changed"], close["maxAbs"], close["maxRel"], close["rises"]) == (1, 1.5, 1.5, 1)
    assert "volume" not in [each["name"] for each in found["columns"]]


def test_a_session_that_goes_on_in_a_shared_file_is_not_called_new(tmp_path):
    b = of_ticks([(0, 1.0, "x")])
    edge = MONDAY * DAY + 5
    (session,) = compared(tmp_path, "trades", of_ticks([]), b, edges=[edge])["sessions"]
    assert (session["change"], session["partial"], session["added"]) == ("~", True, 1)


def test_ticks_that_only_changed_places_are_told(tmp_path):
    a, b = of_ticks([(0, 1.0, "x"), (0, 2.0, "y")]), of_ticks([(0, 2.0, "y"), (0, 1.0, "x")])
    found = compared(tmp_path, "trades", a, b)
    assert found["counts"] == {"added": 0, "removed": 0, "changed": 0, "unchanged": 2}
    assert [(each["change"], each["moved"]) for each in found["sessions"]] == [("~", 2)]


def in_parts(folder, table, pairs, cuts, **more):
    """Compare several spans, each part by a comparison of its own that is told what the one before said, as JSON."""
    spans = []
    for number, sides in enumerate(pairs):
        paths = [str(folder / f"{number}-{name}.parquet") if rows.num_rows else None
                 for name, rows in zip("ab", sides, strict=True)]  # fmt: skip
        for path, rows in zip(paths, sides, strict=True):
            if path:
                pq.write_table(rows, path, row_group_size=3)
        spans.append({"a": paths[0], "b": paths[1]})
    params = {"table": table, "calendar": "24/7", "edges": [], "shown": 100, "state": None} | more
    bounds = [0, *cuts, len(spans)]
    for start, end in pairwise(bounds):
        until = (MONDAY + 100 * end) * DAY if end < len(spans) else None
        found = comparing.compare(params | {"spans": spans[start:end], "untilNs": until}, lambda said: None)
        found = json.loads(json.dumps(found, allow_nan=False))
        params["state"] = found.pop("state", None)
        assert (params["state"] is None) == (until is None)
    return found


@pytest.mark.parametrize(("table", "kind", "made"), [("crypto_bars_1d", BARS, of_bars), ("trades", TICKS, of_ticks)])
def test_cut_into_parts_it_is_the_same_and_applied_to_a_gives_b(tmp_path, table, kind, made):
    @QUIETLY
    @given(st.lists(st.tuples(kind, kind), min_size=1, max_size=4), st.sets(st.integers(1, 3)))
    def holds(given_pairs, cuts):
        pairs = [tuple(shifted(made(side), 100 * number) for side in pair) for number, pair in enumerate(given_pairs)]
        cuts = sorted(cut for cut in cuts if cut < len(pairs))
        found = in_parts(tmp_path, table, pairs, cuts)
        assert found == in_parts(tmp_path, table, pairs, [])
        a, b = (pa.concat_tables([pair[side] for pair in pairs]) for side in (0, 1))
        assert applied(a, found) == Counter(listed(b))

    holds()


def shifted(rows, days):
    later = pa.array(rows.column("ts_event").cast(pa.int64()).to_numpy() + days * DAY).cast(rows.schema[0].type)
    return rows.set_column(0, rows.schema[0], later)


def test_what_was_not_compared_yet_is_neither_new_nor_gone(tmp_path):
    a, b = of_bars({}), of_bars({0: (1.0, 1.0), 1: (1.0, 1.0)})
    until = (MONDAY + 1) * DAY + 1  # the second session goes on
    found = compared(tmp_path, "crypto_bars_1d", a, b, untilNs=until)
    assert [(each["change"], each["partial"]) for each in found["sessions"]] == [("+", False), ("~", True)]
    assert (found["untilNs"], found["state"]["rowsRead"]) == (until, 2)


def test_no_more_rows_are_told_than_were_asked_for(tmp_path):
    a, b = of_bars(dict.fromkeys(range(12), (1.0, 1.0))), of_bars(dict.fromkeys(range(2, 20), (2.0, 1.0)))
    rows = compared(tmp_path, "crypto_bars_1d", a, b, shown=3)["rows"]
    assert Counter(row["change"] for row in rows) == {"-": 2, "~": 3, "+": 3}
    assert [row["ns"] for row in rows] == sorted(row["ns"] for row in rows)
    assert [row["columns"] for row in rows if row["change"] == "~"] == [["open", "high", "low", "close"]] * 3


def test_a_column_that_an_older_file_lacks_was_null(tmp_path):
    b = of_bars({0: (1.0, 1.0)})
    found = compared(tmp_path, "crypto_bars_1d", b.drop_columns(["volume", "filled"]), b)
    assert found["counts"]["changed"] == 1
    assert [(each["name"], each["appeared"]) for each in found["columns"]] == [("volume", 1)]
    assert set(found["columnsOf"]["b"]) - set(found["columnsOf"]["a"]) == {"volume", "filled"}


_PEAK = """
import json, resource, sys
from datasets.lake import comparing
print(json.dumps(comparing.compare(json.loads(sys.stdin.read()), lambda said: None)["counts"]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_what_is_compared(tmp_path):
    count, rng = 400_000, np.random.default_rng(3)
    times = (MONDAY * DAY + np.arange(count) * 1_000_000).astype("datetime64[ns]")
    paths = []
    for name in "ab":
        rows = lake.shaped({"ts_event": times, "price": rng.lognormal(4, 0.1, count)}, "trades")
        paths.append(str(tmp_path / f"{name}.parquet"))
        pq.write_table(rows, paths[-1], row_group_size=131_072)
    params = {"table": "trades", "calendar": "24/7", "edges": [], "shown": 100, "untilNs": None, "state": None}
    peaks = []
    for spans in (2, 10):
        given_params = params | {"spans": [{"a": paths[0], "b": paths[1]}] * spans}
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tradenexus.settings", "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", _PEAK], input=json.dumps(given_params), env=environment, cwd=ROOT,
                              capture_output=True, text=True, check=True)  # fmt: skip
        counts, peak = done.stdout.splitlines()
        assert json.loads(counts)["added"] > 390_000 * spans
        peaks.append(int(peak) >> 10)
    assert peaks[1] < peaks[0] + 48, peaks  # MiB
