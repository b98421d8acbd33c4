import csv
import hashlib
import json
import math
import subprocess
import sys
from datetime import datetime

import pytest

from lona import errors
from lona.adapter import answers, slices
from tests.lona.bars import DAY, MINUTE, START, times, write_bars


def quiet(_message):
    pass


def write(tmp_path, ts_ns, start=None, end=None, **kwargs):
    path = write_bars(tmp_path / "bars.parquet", ts_ns, **kwargs)
    out = tmp_path / "slice.csv"
    params = {"inputs": [str(path)], "start_ns": start, "end_ns": end, "out_path": str(out)}
    return slices.write_csv(params, quiet), out


def test_csv_has_lonas_header_times_and_exact_floats(tmp_path):
    answer, out = write(tmp_path, times(130))
    lines = out.read_text().splitlines()
    assert lines[0] == "timestamp,open,high,low,close,volume"
    assert lines[1].startswith("2019-10-11 00:00:00,99.95,")
    rows = list(csv.DictReader(out.open()))
    assert [float(row["close"]) for row in rows] == [100.0 + (i % 7) * 0.1 for i in range(130)]
    assert (answer["rows"], answer["firstNs"], answer["lastNs"]) == (130, START, START + 129 * MINUTE)
    assert answer["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert answer["sizeBytes"] == out.stat().st_size


def test_slice_is_half_open(tmp_path):
    answer, _ = write(tmp_path, times(130), start=START + 60 * MINUTE, end=START + 70 * MINUTE)
    assert (answer["rows"], answer["firstNs"], answer["lastNs"]) == (10, START + 60 * MINUTE, START + 69 * MINUTE)


def test_content_hash_depends_on_content_not_on_the_range_asked(tmp_path):
    whole, _ = write(tmp_path, times(100))
    wider, _ = write(tmp_path, times(100), start=START - DAY, end=START + DAY, row_group=7)
    shorter, _ = write(tmp_path, times(100), end=START + 99 * MINUTE)
    assert whole["contentHash"] == wider["contentHash"]
    assert whole["contentHash"] != shorter["contentHash"]


def test_volume_column_is_left_out_when_a_bar_has_none(tmp_path):
    answer, out = write(tmp_path, times(3), volume=[1.0, None, 3.0])
    assert not answer["hasVolume"]
    assert out.read_text().splitlines()[0] == "timestamp,open,high,low,close"


def test_zero_rows_is_an_answer(tmp_path):
    answer, out = write(tmp_path, times(5), start=START + DAY, end=START + 2 * DAY)
    assert (answer["rows"], answer["firstNs"]) == (0, None)
    assert out.read_text() == "timestamp,open,high,low,close,volume\n"


@pytest.mark.parametrize("ts_ns", [[START, START], [START + MINUTE, START]])
def test_bars_that_do_not_ascend_are_refused(tmp_path, ts_ns):
    with pytest.raises(errors.SliceNotAscending):
        write(tmp_path, ts_ns)


def test_a_step_back_across_a_batch_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(slices, "BATCH_ROWS", 2)
    with pytest.raises(errors.SliceNotAscending):
        write(tmp_path, [START, START + MINUTE, START + MINUTE, START + 2 * MINUTE], row_group=2)


def test_a_bar_inside_a_second_is_refused(tmp_path):
    with pytest.raises(errors.SliceNotWholeSeconds):
        write(tmp_path, [START + 1])


def test_survey_counts_rows_and_names_days(tmp_path):
    path = write_bars(tmp_path / "bars.parquet", [START, START + DAY, START + 3 * DAY])
    answer = slices.survey({"inputs": [str(path)], "start_ns": START, "end_ns": START + 3 * DAY})
    assert answer == {
        "rows": 2,
        "firstNs": START,
        "lastNs": START + DAY,
        "days": ["2019-10-11", "2019-10-12"],
    }


def as_json(out):
    rows = [
        {key: value if key == "timestamp" else float(value) for key, value in row.items()}
        for row in csv.DictReader(out.open())
    ]
    return rows


@pytest.mark.parametrize("form", ["csv", "array", "data", "iso", "epoch_ms"])
def test_what_comes_back_has_the_digest_of_what_was_sent(tmp_path, form):
    sent, out = write(tmp_path, times(300))
    back, rows = tmp_path / "back", as_json(out)
    if form == "iso":
        rows = [{**row, "timestamp": row["timestamp"].replace(" ", "T") + "Z"} for row in rows]
    if form == "epoch_ms":
        rows = [
            {**row, "timestamp": int(datetime.fromisoformat(row["timestamp"] + "Z").timestamp() * 1000)} for row in rows
        ]
    body = {"csv": out.read_text, "data": lambda: json.dumps({"data": rows})}.get(form, lambda: json.dumps(rows))()
    back.write_text(body)
    read = answers.digest_answer({"path": str(back), "has_volume": True}, quiet)
    assert read == {key: sent[key] for key in ("rows", "firstNs", "lastNs", "contentHash")}


def test_one_changed_digit_changes_the_digest(tmp_path):
    sent, out = write(tmp_path, times(30))
    rows = as_json(out)
    rows[7]["close"] = math.nextafter(rows[7]["close"], 0)
    back = tmp_path / "back"
    back.write_text(json.dumps(rows))
    assert answers.digest_answer({"path": str(back), "has_volume": True}, quiet)["contentHash"] != sent["contentHash"]


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        "[1, 2]",
        '[{"timestamp": "yesterday"}]',
        '[{"timestamp": 1}]',
        '[{"timestamp": "2019-10-11"',
        '{"x": [1]}',
        "{}",
    ],
)
def test_an_answer_of_another_form_is_named_unreadable(tmp_path, body):
    back = tmp_path / "back"
    back.write_text(body)
    with pytest.raises(errors.LonaAnswerUnreadable):
        answers.digest_answer({"path": str(back), "has_volume": True}, quiet)


def test_an_empty_list_is_zero_rows(tmp_path):
    back = tmp_path / "back"
    back.write_text('{"data": []}')
    assert answers.digest_answer({"path": str(back), "has_volume": True}, quiet)["rows"] == 0


def test_elements_cut_by_the_read_block_are_joined(tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "READ_CHARS", 64)
    sent, out = write(tmp_path, times(50))
    back = tmp_path / "back"
    back.write_text(json.dumps(as_json(out)))
    assert answers.digest_answer({"path": str(back), "has_volume": True}, quiet)["contentHash"] == sent["contentHash"]


def test_adapter_imports_no_django():
    modules = "lona.adapter.slices, lona.adapter.answers, lona.adapter.names, lona.adapter.reports"
    code = f"import sys, {modules}; print('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
