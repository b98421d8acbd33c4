"""One pass: what is accepted, left out, dropped, sorted and reported, however the file is cut and ordered."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.formats import readers
from datasets.formats.errors import ColumnMissing
from datasets.market import schemas
from datasets.market.calendars import CalendarUnknown
from datasets.market.intervals import DAY, MINUTE, SECOND, FrequencyUnsupported
from datasets.quality import identity, merge, scan, waiting
from datasets.quality.checks import rhythm
from datasets.quality.thresholds import ThresholdUnknown
from tests.datasets.quality import probe
from tests.datasets.quality.probe import check, column, found, rejects, text

START = 1_700_000_000 * SECOND // DAY * DAY
FAST = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
IDS = ("ts_event", "trade_id", "price", "size")


def trades(*rows):
    return [f"{START + at},{price},{size}" for at, price, size in rows]


def test_a_clean_file_is_green_and_the_report_has_every_key_of_the_contract(tmp_path):
    answer = text(tmp_path, "trades", trades((0, 1, 1), (1, 1.1, 2)))
    report = answer["report"]
    assert (report["grade"], report["score"], report["status"]) == ("GREEN", 100, "validated")
    assert {"summary", "issues", "checks", "rows", "profile", "thresholds", "durationMs", "engine"} <= set(report)
    assert {"numpy", "pyarrow"} <= set(report["engine"])
    keys = {"id", "family", "grade", "measured", "limit", "count", "samples", "explanation"}
    assert all(keys <= set(each) for each in report["checks"])
    assert report["issues"] == []
    file = answer["files"][0]
    assert (file["instrument"], file["rows"], file["t0Ns"], file["t1Ns"]) == ("X", 2, START, START + 1)


def test_file_names_are_ours_whatever_the_symbol_says(tmp_path):
    lines = [f"{START},1,1,../../evil", f"{START},1,1,a/b\x01"]
    answer = text(tmp_path, "trades", lines, ("ts_event", "price", "size", "symbol"))
    assert [file["path"].rsplit("/", 1)[1] for file in answer["files"]] == ["00000.parquet", "00001.parquet"]
    assert [file["instrument"] for file in answer["files"]] == ["../../evil", "a/b\x01"]


def test_symbols_that_look_like_numbers_stay_text(tmp_path):
    lines = [f"{START},1,1,{name}" for name in ("1E5", "0001", "TRUE", "NA", "NULL")]
    answer = text(tmp_path, "trades", lines, ("ts_event", "price", "size", "symbol"))
    assert [file["instrument"] for file in answer["files"]] == ["1E5", "0001", "TRUE", "NA", "NULL"]


def test_values_that_are_no_numbers_are_left_out_with_row_line_and_value(tmp_path):
    answer = text(tmp_path, "trades", trades((0, 1, 1), (1, "nan", 1), (2, "inf", 1), (3, "abc", 1), (4, 1, 1)))
    assert answer["rows"] == {"read": 5, "accepted": 2, "rejected": 3, "duplicatesDropped": 0}
    assert [(each["row"], each["line"], each["column"]) for each in rejects(answer)] == [
        (1, 3, "price"),
        (2, 4, "price"),
        (3, 5, "price"),
    ]
    assert check(answer, "values.finite")["count"] + check(answer, "schema.readable")["count"] == 3
    assert answer["report"]["grade"] == "RED"


def test_a_file_of_nothing_but_bad_rows_is_red_and_no_exception(tmp_path):
    answer = text(tmp_path, "trades", ["x,y,z"] * 50)
    assert answer["report"]["grade"] == "RED"
    assert answer["report"]["summary"].startswith("RED: no rows")
    assert answer["rows"] == {"read": 50, "accepted": 0, "rejected": 50, "duplicatesDropped": 0}
    assert answer["files"] == []
    assert len(check(answer, "schema.readable")["samples"]) == 20
    assert answer["rejects"]["count"] >= 50


def test_a_file_without_rows_is_red(tmp_path):
    answer = text(tmp_path, "trades", [])
    assert (answer["report"]["grade"], answer["rows"]["read"]) == ("RED", 0)
    assert check(answer, "schema.rows")["grade"] == "RED"


def test_a_file_that_breaks_off_is_red_and_says_why(tmp_path):
    raw = tmp_path / "raw.csv.gz"
    import gzip

    data = gzip.compress("\n".join(["ts_event,price,size", *trades(*[(at, 1, 1) for at in range(5000)])]).encode())
    raw.write_bytes(data[: len(data) // 2])
    plan = {**probe.CSV, "compression": "gzip", "kind": "trades"}
    plan["columnMapping"] = {name: name for name in probe.COLUMNS["trades"]}
    answer = probe.run(raw, tmp_path / "out", plan)
    assert answer["report"]["grade"] == "RED"
    assert "TRUNCATED_FILE" in check(answer, "schema.file")["samples"][0]["value"]


def test_a_wrong_plan_is_refused_and_not_blamed_on_the_file(tmp_path):
    with pytest.raises(ColumnMissing):
        text(tmp_path, "trades", trades((0, 1, 1)), plan={"columnMapping": {"ts_event": "ts_event", "price": "nope"}})
    for wrong, error in (
        ({"profile": "lax"}, ThresholdUnknown),
        ({"thresholds": {"nope": 1}}, ThresholdUnknown),
        ({"calendar": "XXXX"}, CalendarUnknown),
        ({"interval": "7x"}, FrequencyUnsupported),
    ):
        with pytest.raises(error):
            text(tmp_path, "trades", trades((0, 1, 1)), **wrong)


def test_repeated_ids_are_dropped_once_and_counted(tmp_path):
    lines = [f"{START + at},{number},1,{at}" for at, number in ((0, 7), (0, 7), (1, 8), (5, 9), (6, 8), (7, 10))]
    answer = text(tmp_path, "trades", lines, IDS)
    assert answer["rows"] == {"read": 6, "accepted": 4, "rejected": 0, "duplicatesDropped": 2}
    assert check(answer, "duplicates.ids")["count"] == 2
    assert column(answer, "sequence") == [7, 8, 9, 10]
    assert {(each["row"], each["reason"]) for each in rejects(answer)} == {(1, "DUPLICATE_ID"), (4, "DUPLICATE_ID")}


def test_repeated_text_ids_are_found_anywhere(tmp_path):
    lines = [f"{START + at},{name},1,1" for at, name in enumerate(["b", "a", "c", "a", "é", "e", "b"])]
    answer = text(tmp_path, "trades", lines, IDS)
    assert column(answer, "trade_id") == ["b", "a", "c", "é", "e"]
    assert [sample["row"] for sample in check(answer, "duplicates.ids")["samples"]] == [3, 6]


def test_the_same_id_of_two_symbols_is_no_duplicate(tmp_path):
    lines = [f"{START},7,1,1,A", f"{START},7,1,1,B"]
    answer = text(tmp_path, "trades", lines, (*IDS, "symbol"))
    assert answer["rows"]["duplicatesDropped"] == 0


def test_sequence_numbers_that_are_no_ids_drop_only_equal_rows(tmp_path):
    lines = [f"{START},5,1,1", f"{START},5,1,1", f"{START},5,2,1"]
    answer = text(tmp_path, "trades", lines, ("ts_event", "sequence", "price", "size"))
    assert found(answer) == {"duplicates.ids": 1, "duplicates.sequence": 1, "moves.large": 1}
    assert column(answer, "price") == [1, 2]


def test_equal_bars_are_dropped_and_contradicting_ones_are_red(tmp_path):
    bar = "1,2,1,2,5"
    lines = [f"{START + at * MINUTE},{bar}" for at in (0, 1, 1, 2)]
    answer = text(tmp_path, "bars", lines)
    assert (answer["rows"]["duplicatesDropped"], answer["report"]["grade"]) == (1, "RED")  # 25 % of four rows
    lines[2] = f"{START + MINUTE},1,2,1,1.5,5"
    answer = text(tmp_path, "bars", lines)
    assert found(answer)["duplicates.bar_conflicts"] == 1
    assert column(answer, "close") == [2, 2, 2]


def random_lines(seed, rows=400, symbols=3, shuffled=True):
    random = np.random.default_rng(seed)
    ts = START + np.sort(random.integers(0, 40, rows)) * SECOND
    columns = zip(ts, range(rows), random.normal(100, 5, rows).round(2), random.integers(0, symbols, rows), strict=True)
    lines = [f"{at},{number},{price},1,S{symbol}" for at, number, price, symbol in columns]
    # one copy of every seventh row, somewhere
    lines += lines[::7]
    return [lines[at] for at in random.permutation(len(lines))] if shuffled else lines


def essence(answer):
    files = {file["instrument"]: file["sha256"] for file in answer["files"]}
    counts = {each["id"]: (each["count"], each["figures"]) for each in answer["report"]["checks"]}
    return files, counts, answer["rows"]


def few_at_once(patch, look=5, run=90, held=1000, split=(3, 50)):
    """Make everything that is done with many rows at once be done with few."""
    patch.setattr(waiting, "LOOK_ROWS", look)
    patch.setattr(waiting, "HELD_BYTES", held)
    patch.setattr(scan, "SLICE_ROWS", split[0])
    patch.setattr(scan, "SPLIT_ROWS", split[1])
    patch.setattr(scan, "SETTLE_SPLITS", 2)
    patch.setattr(scan, "RUN_ROWS", run)
    patch.setattr(merge, "BATCH_ROWS", 7)
    patch.setattr(merge, "FAN_IN", 2)
    patch.setattr(identity, "BUCKET_ROWS", 20)
    patch.setattr(readers, "BLOCK_BYTES", 700)
    patch.setattr(readers.mapped_batches, "__defaults__", (700,))


SIZES = st.tuples(st.integers(1, 60), st.integers(1, 90), st.integers(0, 3000), st.sampled_from([(1, 1), (9, 60)]))


@FAST
@given(seed=st.integers(0, 2**32), sizes=SIZES, shuffled=st.booleans())
def test_lanes_runs_and_merges_give_the_same_files_and_findings(tmp_path, monkeypatch, seed, sizes, shuffled):
    lines = random_lines(seed, shuffled=shuffled)
    columns = (*IDS, "symbol")
    with monkeypatch.context() as patch:
        patch.setitem(schemas.ROW_GROUP_ROWS, "trades", 48)
        whole = essence(text(tmp_path, "trades", lines, columns))
        few_at_once(patch, *sizes)
        cut = essence(text(tmp_path, "trades", lines, columns))
    assert cut == whole


def test_text_ids_quotes_and_bars_with_empty_cells_are_the_same_however_they_are_cut(tmp_path, monkeypatch):
    draw = np.random.default_rng(11)
    for kind, columns in (
        ("trades", ("ts_event", "trade_id", "price", "size", "side", "symbol")),
        ("quotes", ("ts_event", "bid", "bid_size", "ask", "ask_size", "symbol")),
        ("bars", ("ts_event", "open", "high", "low", "close", "volume", "trades", "symbol")),
    ):
        lines = []
        for number in range(600):
            cells = {name: str(draw.integers(90, 99)) for name in columns}
            for name in ("trade_id", "size", "side", "bid_size", "ask_size", "volume", "trades"):
                if draw.random() < 0.4 or number < 30:
                    cells[name] = ""
            at = START + (number // 7 * 60 - (draw.random() < 0.01) * 900) * SECOND
            cells |= {"ts_event": str(at), "symbol": f"S{int(draw.exponential(3))}", "side": draw.choice(["buy", ""])}
            cells["trade_id"] = cells.get("trade_id") and f"id-{number - int(draw.integers(0, 3))}"
            lines.append(",".join(cells[name] for name in columns))
        with monkeypatch.context() as patch:
            patch.setitem(schemas.ROW_GROUP_ROWS, kind, 16)
            patch.setattr(rhythm, "ROWS", 40)
            whole = essence(text(tmp_path, kind, lines, columns))
            few_at_once(patch)
            assert essence(text(tmp_path, kind, lines, columns)) == whole


@FAST
@given(seed=st.integers(0, 2**32))
def test_a_shuffled_file_with_ids_gives_the_files_of_the_sorted_one(tmp_path, seed):
    lines = random_lines(seed)
    columns = (*IDS, "symbol")
    files = essence(text(tmp_path, "trades", lines, columns))[0]
    ordered = sorted(lines, key=lambda line: [int(part) for part in line.split(",")[:2]])
    assert essence(text(tmp_path, "trades", ordered, columns))[0] == files


def test_equal_times_keep_file_order_through_a_merge(tmp_path, monkeypatch):
    few_at_once(monkeypatch, 3, 4)
    random = np.random.default_rng(5)
    stamps = random.integers(0, 4, 200).tolist()
    answer = text(tmp_path, "trades", trades(*[(at, number + 1, 1) for number, at in enumerate(stamps)]))
    expected = [number + 1 for number, _ in sorted(enumerate(stamps), key=lambda pair: pair[1])]
    assert column(answer, "price") == expected


def test_nothing_is_left_behind_but_files_and_rejects(tmp_path, monkeypatch):
    few_at_once(monkeypatch, 10)
    answer = text(tmp_path, "trades", random_lines(1), (*IDS, "symbol"))
    out = probe.Path(answer["rejects"]["path"]).parent
    names = sorted(path.name for path in out.iterdir())
    assert names == ["00000.parquet", "00001.parquet", "00002.parquet", "rejects.jsonl"]


def test_too_many_symbols_are_left_out_and_red(tmp_path):
    lines = [f"{START},1,1,S{number}" for number in range(30)]
    answer = text(
        tmp_path, "trades", lines, ("ts_event", "price", "size", "symbol"), thresholds={"max_instruments": 12}
    )
    assert answer["rows"] == {"read": 30, "accepted": 12, "rejected": 18, "duplicatesDropped": 0}
    assert check(answer, "schema.instruments")["grade"] == "RED"
    assert {each["reason"] for each in rejects(answer)} == {"TOO_MANY_INSTRUMENTS"}


def test_lines_are_text_lines_also_after_blank_and_quoted_ones(tmp_path):
    lines = [f"{START},1,1,A", "", f'{START},1,1,"B\nB"', f"{START},x,1,A", f"{START},-1,1,A"]
    answer = text(tmp_path, "trades", lines, ("ts_event", "price", "size", "symbol"))
    assert check(answer, "values.negative_price")["samples"][0]["line"] == 7
    assert rejects(answer)[0]["line"] == 6


def test_counts_beyond_the_samples_are_exact(tmp_path):
    answer = text(tmp_path, "trades", trades(*[(at, -1, 1) for at in range(500)]))
    found_here = check(answer, "values.negative_price")
    assert (found_here["count"], len(found_here["samples"]), found_here["measured"]) == (500, 20, 1.0)
    assert answer["rows"]["accepted"] == 500


def test_bars_that_are_shifted_as_a_whole_are_amber_with_count_and_offset(tmp_path):
    start = 1_700_000_100_000_000_000 + 120_000_000_000
    lines = [f"{start + number * 300_000_000_000},1,1,1,1,1" for number in range(40)]
    answer = probe.text(tmp_path, "bars", lines)
    assert check(answer, "interval.regular")["grade"] == answer["report"]["grade"] == "AMBER"
    issue = answer["report"]["issues"][0]
    assert issue["message"] == "Bars stand on the grid: 40 (40 off by +120 s)"
    assert check(answer, "interval.regular")["samples"][0]["value"] == 120.0
