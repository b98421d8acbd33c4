"""A fix over files: the rows a recipe leaves are judged by the same pass, with the same bytes whatever came before."""

import pyarrow.parquet as pq
import pytest

from datasets.formats import readers
from datasets.market.intervals import DAY
from datasets.transforms import fixing
from datasets.transforms.applying import StepMatchesNothing
from datasets.transforms.fixing import CheckTooWide
from datasets.transforms.recipe import RecipeInvalid
from tests.datasets.quality import probe

START = 19_723  # 2024-01-01
COLUMNS = ("ts_event", "symbol", "open", "high", "low", "close", "volume")
PLAN = {**probe.CSV, "kind": "bars", "symbol": None, "columnMapping": {name: name for name in COLUMNS}}


def line(day, symbol="A", close=10.0, high=None, volume=100):
    return f"{(START + day) * DAY},{symbol},{close},{high or close},{close},{close},{volume}"


def wrong():
    """Return 40 daily bars of A and B: one in cents, one with high below low, one twice, two that are no numbers."""
    lines = [line(day, symbol, 10 + day / 10) for day in range(40) for symbol in "AB"]
    lines[20] = line(10, close=1100.0)
    lines[40] = line(20, close=12.0, high=5.0)
    lines[61] = line(30, "B", close="oops")
    lines[65] = line(32, "B", volume="many")
    return [*lines, line(39, "B", 99.0)]


def fix(tmp_path, steps, lines=None, **more):
    number = len(list(tmp_path.iterdir()))
    out, raw = tmp_path / f"out-{number}", tmp_path / f"raw-{number}.csv"
    out.mkdir()
    params = {"steps": steps, "plan": PLAN, "out_dir": str(out), "calendar": "24/7", "nowNs": probe.NOW_NS, **more}
    if "inputs" not in more:
        raw.write_text("\n".join([",".join(COLUMNS), *(lines or wrong())]) + "\n")
        params["raw"] = str(raw)
    return fixing.build(params, lambda message: None)


def inputs(answer):
    return [{name: file[name] for name in ("instrument", "path", "rows")} for file in answer["files"]]


STEPS = [
    {"op": "drop", "check": "schema.readable"},
    {"op": "drop", "check": "ohlc.high_low"},
    {"op": "dedupe", "keep": "first"},
    {"op": "scale", "columns": ["open", "high", "low", "close"], "factor": 0.01, "instrument": "A"}
    | {"from": "2024-01-11", "to": "2024-01-12", "mustMatch": True},
]


def test_a_bad_file_becomes_a_good_version_and_every_step_says_what_it_did(tmp_path):
    before = fix(tmp_path, [{"op": "clip_range", "from": "1970-01-01"}])
    assert before["report"]["grade"] == "RED"
    answer = fix(tmp_path, STEPS)
    assert answer["report"]["grade"] in ("GREEN", "AMBER"), answer["report"]["summary"]
    told = answer["recipe"]
    assert [step["touched"] for step in told["steps"]] == [2, 1, 1, 1]
    assert (told["rowsIn"], told["rowsOut"]) == (81, 77)
    assert answer["report"]["rows"] == {"read": 77, "accepted": 77, "rejected": 0, "duplicatesDropped": 0}
    assert told["steps"][2]["samples"][0]["before"]["close"] == 99.0
    scaled = told["steps"][3]["samples"][0]
    assert (scaled["before"]["close"], scaled["after"]["close"]) == (1100.0, 11.0)
    assert pq.read_table(answer["files"][0]["path"]).column("close")[10].as_py() == 11.0


def test_the_same_recipe_gives_the_same_bytes_however_the_file_is_read(tmp_path, monkeypatch):
    once = fix(tmp_path, STEPS)
    whole = readers.open_batches
    monkeypatch.setattr(readers, "BLOCK_BYTES", 300)
    monkeypatch.setattr(readers, "open_batches", lambda source, plan: whole(source, plan, 300))
    again = fix(tmp_path, STEPS)
    assert [file["sha256"] for file in once["files"]] == [file["sha256"] for file in again["files"]]
    assert once["recipe"] == again["recipe"]


def test_canonical_rows_that_no_step_touches_come_out_with_their_bytes(tmp_path):
    first = fix(tmp_path, STEPS)
    far = {"op": "drop", "where": [{"column": "close", "op": ">", "value": 1e6}]}
    again = fix(tmp_path, [far], inputs=inputs(first))
    assert [file["sha256"] for file in first["files"]] == [file["sha256"] for file in again["files"]]
    assert again["recipe"]["steps"][0] == {
        **{"step": 1, "op": "drop", "words": "drop rows where close > 1000000.0"},
        **{"touched": 0, "samples": [], "refused": False},
    }
    one = fix(tmp_path, [{"op": "drop", "from": "2024-01-05", "instrument": "B"}], inputs=inputs(first))
    assert one["files"][0]["sha256"] == first["files"][0]["sha256"]
    assert one["files"][1]["rows"] == 4


def test_a_step_that_must_match_is_refused_and_a_preview_tells_it(tmp_path):
    idle = {"op": "drop", "where": [{"column": "close", "op": ">", "value": 1e6}], "mustMatch": True}
    with pytest.raises(StepMatchesNothing):
        fix(tmp_path, [idle])
    assert fix(tmp_path, [idle], preview=True)["recipe"]["steps"][0]["refused"] is True


def test_a_check_that_nobody_has_and_one_that_finds_too_much_are_refused(tmp_path, monkeypatch):
    with pytest.raises(RecipeInvalid):
        fix(tmp_path, [{"op": "drop", "check": "no.such"}])
    monkeypatch.setattr(fixing, "NAMED_ROWS", 1)
    with pytest.raises(CheckTooWide):
        fix(tmp_path, [{"op": "drop", "check": "schema.readable"}])


def test_when_nothing_is_left_the_verdict_is_red(tmp_path):
    answer = fix(tmp_path, [{"op": "drop", "to": "2100-01-01"}])
    assert (answer["report"]["grade"], answer["files"]) == ("RED", [])


def test_a_file_that_breaks_off_is_still_red_and_the_fix_ends(tmp_path):
    raw = tmp_path / "broken.csv"
    raw.write_bytes(("\n".join([",".join(COLUMNS), *wrong()]) + '\n"open quote').encode())
    answer = fix(tmp_path, [{"op": "dedupe"}], raw=str(raw), inputs=[])
    assert answer["report"]["grade"] == "RED"
    assert [check["count"] for check in answer["report"]["checks"] if check["id"] == "schema.file"] == [1]
