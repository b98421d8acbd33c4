"""Comparing two revisions row by row: what is told, applied to the one, gives the other; whatever the row groups."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.lake import comparing
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
    params = {"table": table, "calendar": "24/7", "edges": [], "budget": 10**9, "shown": 100}
    params["spans"] = [{"startNs": MONDAY * DAY, "a": paths[0], "b": paths[1]}] if any(paths) else []
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


def test_beyond_its_budget_it_says_how_far_it_came(tmp_path):
    a, b = of_bars(dict.fromkeys(range(12), (1.0, 1.0))), of_bars(dict.fromkeys(range(12), (2.0, 1.0)))
    found = compared(tmp_path, "crypto_bars_1d", a, b, (4, 4), budget=6)
    done = (found["untilNs"] - MONDAY * DAY) // DAY
    assert 0 < done < 12
    assert found["counts"]["changed"] == done
    assert [each["day"] - MONDAY for each in found["sessions"]] == list(range(done))
    spans = [
        {"startNs": 0, "a": None, "b": str(tmp_path / "1.parquet")},
        {"startNs": MONDAY * DAY, "a": None, "b": None},
    ]
    assert compared(tmp_path, "crypto_bars_1d", a, b, spans=spans)["untilNs"] == MONDAY * DAY


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
