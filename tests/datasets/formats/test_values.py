"""A cell of nanoseconds is shown as pandas would show it, to the last digit, without pandas."""

import datetime

import pandas as pd
import pyarrow as pa
import pytest

from datasets.formats import values

MOMENTS = (0, 1, -1, 1_700_000_000_123_456_789, 1_700_000_000_123_456_000, 1_700_000_000 * 10**9, -(2**62), 2**62)


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York", "+05:30"])
@pytest.mark.parametrize("ns", MOMENTS)
def test_a_moment_is_written_to_the_nanosecond(ns, zone):
    cell = pa.scalar(ns, pa.timestamp("ns", zone))
    assert values.in_python(cell) == str(cell.as_py()) == str(pd.Timestamp(ns, tz=cell.as_py().tzinfo))


@pytest.mark.parametrize("ns", [*MOMENTS, 86_400 * 10**9, -86_400 * 10**9, 3_661 * 10**9, 1_000])
def test_a_span_is_written_to_the_nanosecond(ns):
    assert values.in_python(pa.scalar(ns, pa.duration("ns"))) == str(pd.Timedelta(ns, unit="ns"))


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (pa.scalar(None, pa.timestamp("ns")), None),
        (pa.scalar([1], pa.list_(pa.timestamp("ns"))), ["1970-01-01 00:00:00.000000001"]),
        (pa.scalar({"a": 1, "b": "x"}, pa.struct({"a": pa.timestamp("ns"), "b": pa.string()})),
         {"a": "1970-01-01 00:00:00.000000001", "b": "x"}),
        (pa.array([1], pa.timestamp("ns")).dictionary_encode()[0], "1970-01-01 00:00:00.000000001"),
        (pa.scalar([("a", 1)], pa.map_(pa.string(), pa.duration("ns"))), [("a", "0 days 00:00:00.000000001")]),
        (pa.scalar(3_600_000_001_001, pa.time64("ns")), datetime.time(1, 0, 0, 1)),
        (pa.scalar("text"), "text"),
        (pa.scalar(1.5), 1.5),
    ],
)  # fmt: skip
def test_other_cells_are_what_they_were(cell, value):
    assert values.in_python(cell) == value
