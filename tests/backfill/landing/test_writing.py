"""Pages become one file in the table's order, each row once."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backfill.landing import writing
from tests.backfill.vendors.adapters import replay_sample
from tests.kit.lake import DAY, MONDAY
from tests.kit.vendors import FAR

GAP = 5 * DAY


def shaped(folder, table, *pages):
    """Write pages as files and let them be made into one."""
    told = []
    for number, (columns, start, end) in enumerate(pages):
        file = folder / f"{number}.json"
        file.write_text(json.dumps(columns))
        told.append({"file": str(file), "startNs": start, "endNs": end, "fetchedAt": "2024-11-01T00:00:00+00:00"})
    works = [{"table": table, "instrument": "X:A", "pages": told}]
    return writing.shape({"works": works, "gap_ns": GAP, "out_dir": str(folder)}, print)["answers"][0]


def values(days, numbers):
    return {"ts_event": [day * DAY for day in days], "value": numbers}


def test_rows_are_sorted_and_their_ranges_joined(tmp_path):
    late = (values([MONDAY + 2, MONDAY + 1], [3.0, 2.0]), (MONDAY + 1) * DAY, (MONDAY + 3) * DAY)
    early = (values([MONDAY], [1.0]), MONDAY * DAY, (MONDAY + 1) * DAY)
    told = shaped(tmp_path, "macro_series", late, early)
    rows = pq.read_table(told["path"])
    assert rows["value"].to_pylist() == [1.0, 2.0, 3.0]
    assert (told["rows"], told["startNs"], told["endNs"]) == (3, MONDAY * DAY, (MONDAY + 3) * DAY)
    assert told["gaps"] == []


def test_only_gaps_longer_than_asked_are_told(tmp_path):
    days = [MONDAY, MONDAY + 5, MONDAY + 11]
    told = shaped(tmp_path, "macro_series", (values(days, [1.0, 2.0, 3.0]), MONDAY * DAY, (MONDAY + 12) * DAY))
    assert told["gaps"] == [[(MONDAY + 5) * DAY, (MONDAY + 11) * DAY]]


def test_nulls_are_like_nulls_and_unlike_values(tmp_path):
    columns = {"ts_event": [MONDAY * DAY] * 2, "y_1month": [None, None], "y_1year": [0.5, 0.5]}
    alike = shaped(tmp_path, "macro_treasury", (columns, MONDAY * DAY, (MONDAY + 1) * DAY))
    assert alike["rows"] == 1
    other = shaped(tmp_path, "macro_treasury", ({**columns, "y_1month": [None, 0.1]}, MONDAY * DAY, (MONDAY + 1) * DAY))
    assert other["error"]["code"] == "VENDOR_MALFORMED"
    assert other["error"]["details"]["key"]["ts_event"].startswith("2024-10-07")


def test_ticks_are_kept_as_they_are_even_when_alike(tmp_path):
    columns = {"ts_event": [5, 3, 3], "price": [3.0, 1.0, 1.0], "size": [1.0, 2.0, 2.0]}
    told = shaped(tmp_path, "trades", (columns, 0, 10))
    rows = pq.read_table(told["path"])
    assert rows["ts_event"].cast(pa.int64()).to_pylist() == [3, 3, 5]
    assert rows["price"].to_pylist() == [1.0, 1.0, 3.0]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"ts_event": [1, None], "value": [1.0, 2.0]}, "have no time"),
        ({"ts_event": [1, 200], "value": [1.0, 2.0]}, "outside the range"),
        ({"ts_event": [1], "price": [1.0]}, "other columns"),
        ({"ts_event": [1, 2], "value": [1.0]}, "do not fit"),
        ({"ts_event": ["x"], "value": [1.0]}, "do not fit"),
        ({"ts_event": [1], "value": [{"a": 1}]}, "do not fit"),
    ],
)
def test_what_does_not_fit_is_malformed(tmp_path, columns, words):
    told = shaped(tmp_path, "macro_series", (columns, 0, 100))
    assert told["error"]["code"] == "VENDOR_MALFORMED"
    assert words in told["error"]["message"]


def test_no_rows_are_no_data(tmp_path):
    told = shaped(tmp_path, "macro_series", ({"ts_event": [], "value": []}, 0, 100))
    assert (told["error"]["code"], told["error"]["details"]["benign"]) == ("VENDOR_NO_DATA", True)
    assert shaped(tmp_path, "macro_series")["error"]["code"] == "VENDOR_NO_DATA"


def test_an_offline_vendor_is_asked_until_there_are_enough_rows(tmp_path):
    settings = replay_sample.sample(tmp_path / "files").settings
    named = [("crypto_bars_1d", "X:A"), ("crypto_bars_1d", "X:NOBODY"), ("crypto_bars_1m", "X:B"), ("trades", "X:A")]
    requests = [{"table": table, "instrument": name, "startNs": None, "endNs": FAR} for table, name in named]
    params = {"adapter": "backfill.vendors.adapters.replay", "settings": settings, "requests": requests}
    answers = writing.fetch({**params, "gap_ns": GAP, "out_dir": str(tmp_path), "most_rows": 11}, lambda said: None)
    told = [each.get("rows") or each["error"]["code"] for each in answers["answers"]]
    assert told == [10, "VENDOR_NO_DATA", 60]
