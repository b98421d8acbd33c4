"""The manifest is read strictly, and files are read as they are."""

import json

import pyarrow as pa
import pytest

from backfill.vendors.adapters import replay
from backfill.vendors.adapters.replay import manifest
from backfill.vendors.base import Request
from tests.backfill.vendors.adapters import replay_sample
from tests.kit.lake import ns
from tests.kit.vendors import FAR

GOOD = {
    "table": "macro_series",
    "files": ["a.csv"],
    "format": "csv",
    "instrument": "X:A",
    "time": {"column": "day", "unit": "date"},
    "columns": {"value": "v"},
}


def fetched(folder, source, text, **more):
    (folder / "a.csv").write_text(text)
    path = folder / "manifest.json"
    path.write_text(json.dumps({"sources": [{**GOOD, **source}]}))
    vendor = replay.connect({"NEXUS_REPLAY_MANIFEST": str(path)})
    return list(vendor.fetch(Request("macro_series", "X:A", more.get("start"), more.get("end", FAR))))


def test_every_number_is_the_nearest_to_its_text(tmp_path):
    texts = ["0.1", "1e-7", "123456789.123456789", "-36.98", "0.10000000000000000555"]
    lines = "".join(f"2024-01-0{n},{text}\n" for n, text in enumerate(texts, 1))
    (page,) = fetched(tmp_path, {}, f"day,v\n{lines}")
    assert page.rows.column("value").to_pylist() == [float(text) for text in texts]


def test_an_empty_cell_is_a_null_and_no_number(tmp_path):
    (page,) = fetched(tmp_path, {}, "day,v\n2024-01-01,\n2024-01-02,2\n")
    assert page.rows.column("value").to_pylist() == [None, 2.0]


@pytest.mark.parametrize(
    ("time", "text", "wanted"),
    [
        ({"unit": "s"}, "1700000000", "2023-11-14T22:13:20"),
        ({"unit": "ms"}, "1700000000123", "2023-11-14T22:13:20.123"),
        ({"unit": "us"}, "1700000000123456", "2023-11-14T22:13:20.123456"),
        ({"unit": "ns"}, "1700000000123456789", "2023-11-14T22:13:20.123456789"),
        ({"unit": "date"}, "2024-01-05", "2024-01-05"),
        ({"unit": "text"}, "2024-01-05 10:00:00+02:00", "2024-01-05T08:00:00"),
        ({"unit": "text"}, "2024-01-05T10:00:00Z", "2024-01-05T10:00:00"),
        ({"unit": "text", "zone": "America/New_York"}, "2024-01-05 10:00:00", "2024-01-05T15:00:00"),
        ({"unit": "text"}, "2024-01-05 10:00:00", "2024-01-05T10:00:00"),
    ],
)
def test_times_are_read_in_their_unit_and_zone(tmp_path, time, text, wanted):
    (page,) = fetched(tmp_path, {"time": {"column": "day", **time}}, f"day,v\n{text},1\n")
    assert page.rows.column("ts_event").cast(pa.int64()).to_pylist() == [ns(wanted)]


def test_a_bar_is_covered_until_it_closes_and_no_further_than_asked(tmp_path):
    text = "day,v\n2024-01-01,1\n2024-01-02,2\n"
    (page,) = fetched(tmp_path, {}, text)
    assert (page.start_ns, page.end_ns) == (ns("2024-01-01"), ns("2024-01-03"))
    (page,) = fetched(tmp_path, {}, text, end=ns("2024-01-02T06:00"))
    assert page.end_ns == ns("2024-01-02T06:00")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"table": "nowhere"}, "no table"),
        ({"files": []}, "names no file"),
        ({"files": ["../a.csv"]}, "below the root"),
        ({"files": ["/etc/passwd"]}, "below the root"),
        ({"format": "xlsx"}, "format is one of"),
        ({"time": {"column": "day", "unit": "hours"}}, "unit one of"),
        ({"instrument": "a b"}, "is not VENUE:SYMBOL"),
        ({"columns": {"price": "v"}}, "has no column 'price'"),
        ({"columns": {}}, "needs the column 'value'"),
        ({"unless": {"other": 1}}, "is not among the columns"),
        ({"colums": {}}, "nobody knows 'colums'"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused_by_its_place(change, words):
    with pytest.raises(manifest.ManifestBroken) as refused:
        manifest.parse({"sources": [GOOD, {**GOOD, **change}]})
    assert refused.value.message.startswith("sources[1]: ")
    assert words in refused.value.message


@pytest.mark.parametrize("text", ["", "[]", '{"sources": 3}', '{"sources": [3]}', '{"sources": [{}]}'])
def test_what_is_no_manifest_is_refused(tmp_path, text):
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(manifest.ManifestBroken):
        manifest.load(path)


def test_rows_of_one_instrument_are_picked_by_a_column(tmp_path):
    sample = replay_sample.sample(tmp_path)
    vendor = replay.connect(sample.settings)
    (page,) = vendor.fetch(Request("crypto_bars_1m", "X:B", None, FAR))
    assert page.rows.num_rows == 60


def test_since_when_there_can_be_anything_is_said_by_every_source_or_not_at_all():
    early, late = {**GOOD, "since": "2015-01-01"}, {**GOOD, "instrument": "X:B", "since": "2016-01-01"}
    for sources, wanted in (([early, late], ns("2015-01-01")), ([early, GOOD], None)):
        (capability,) = replay.Replay(manifest.parse({"sources": sources}), None).capabilities
        assert capability.since_ns == wanted
    with pytest.raises(manifest.ManifestBroken, match=r"sources\[0\]"):
        manifest.parse({"sources": [{**GOOD, "since": "long ago"}]})
