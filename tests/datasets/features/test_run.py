"""A build takes what is new into the lake, the same as if all were built at once; no row at all is a failure."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from datasets.engine import executor
from datasets.features import registry, run, technicals
from datasets.lake import commit, instruments, scan
from datasets.models import FeatureCoverage, LakeCommit, LakeEntry, LakeMember, LakePartition, LakeRevision
from datasets.storage import blobs, faults, manifests
from tests.datasets.features import oracle
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY
from tradenexus import db
from tradenexus.errors import BadRequest
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job, State

pytestmark = pytest.mark.django_db(transaction=True)
NAME, TABLE = "tv_technicals_1d", "features_tv_technicals_1d"
REAL = Path(os.environ.get("NEXUS_REALDATA", Path(__file__).parents[4] / "shared/data"))
WIKI = REAL / "bars/us_equity_daily/wiki_stocks_aapl_fb_goog_ibm_msft.csv.gz"
ETH = "BINANCE:ETH-BTC"


def build(person, **options):
    with db.atomic():
        _, job = run.request(person.actor, NAME, options)
    while runner.wake():
        pass
    return Job.everyone.get(id=job.id)


def built(person, **options):
    job = build(person, **options)
    assert job.state == State.SUCCEEDED, job.error
    return job.result


def closes(rows=400, seed=3):
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.02, rows)))


def put(person, tmp_path, values, start=0, name=ETH, table="crypto_bars_1d", **more):
    rows = lake.daily(values, MONDAY + start, table=table)
    lake.put(person, tmp_path, lake.offer(tmp_path, rows, name, table, **more))


def act(person, tmp_path, day, action, value, name):
    stamp = np.array([(MONDAY + day) * DAY]).astype("datetime64[ns]")
    rows = lake.shaped({"ts_event": stamp, "action": [action], "value": [value]}, "corporate_actions")
    lake.put(person, tmp_path, lake.offer(tmp_path, rows, name, "corporate_actions"))


def rows_of(person, name=ETH):
    entry = scan.entry_of(person.actor.tenant_id, TABLE, name)
    return pa.concat_tables(scan.tables_of(scan.locate(entry))).combine_chunks()


def digests(person, name=ETH):
    entry = scan.entry_of(person.actor.tenant_id, TABLE, name)
    members = LakeMember.objects.filter(entry=entry, until_revision=None).order_by("span_start_ns")
    return list(members.values_list("segment__sha256", flat=True))


@pytest.fixture
def filled(owner, tmp_path):
    """Four hundred days of one instrument."""
    lake.registered(owner)
    put(owner, tmp_path, closes())
    return owner


def test_a_build_puts_a_row_a_bar_into_the_lake(filled):
    result = built(filled)
    assert (result["instruments"], result["commits"], result["rows"], result["added"]) == (1, 1, 393, 393)
    rows = rows_of(filled)
    assert rows.num_rows == 393  # a week must pass before anything can be said
    assert rows["ts_event"][-1].value == (MONDAY + 399) * DAY
    frame = pd.DataFrame(
        dict.fromkeys(("high", "low", "close"), closes()) | {"volume": np.full(400, 10.0)},
        index=pd.DatetimeIndex((np.arange(400) + MONDAY).astype("datetime64[D]").astype("datetime64[ns]")),
    )
    wanted = oracle.columns(frame).iloc[7:]
    for name in ("rsi", "sma_200", "ema_50", "macd_signal", "perf_year", "volatility"):
        mine = rows[name].to_numpy(zero_copy_only=False)
        assert np.allclose(mine, wanted[name].to_numpy(), rtol=1e-8, atol=1e-9, equal_nan=True), name
    done = LakeCommit.of(filled.actor.tenant_id).get(operation="feature")
    assert done.source == LakeEntry.of(filled.actor.tenant_id).get(table="crypto_bars_1d").ref
    assert LakeRevision.objects.get(commit=done).vendor == "derived"
    assert not LakePartition.objects.filter(entry__table=TABLE).exclude(status="GREEN").exists()


def test_what_was_covered_is_stored_and_shown(filled):
    result = built(filled)
    (line,) = result["coverage"]
    assert line["instrument"] == ETH
    assert (line["bars"], line["rows"], line["warmUp"], line["changed"]) == (400, 393, technicals.WARM_UP - 1, True)
    assert (line["first"], line["last"]) == ("2024-10-14T00:00:00Z", "2025-11-10T00:00:00Z")
    assert line["missing"] == {}
    artifact = result["artifact"]
    assert manifests.read(artifact["key"], artifact["sha256"])["instruments"] == result["coverage"]
    assert run.last_coverage(filled.actor, registry.find(NAME))["instruments"] == result["coverage"]
    row = FeatureCoverage.of(filled.tenant.id).get()
    assert (row.feature, {"key": row.key, "sha256": row.sha256, "sizeBytes": row.size_bytes}) == (NAME, artifact)


def test_built_again_nothing_is_done_twice(filled):
    first = built(filled)
    again = built(filled)
    assert (again["commits"], again["upToDate"], again["rows"]) == (0, 1, first["rows"])
    assert again["coverage"] == [{**first["coverage"][0], "changed": False}]
    assert LakeCommit.of(filled.actor.tenant_id).filter(operation="feature").count() == 1


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_a_damaged_document_does_not_stop_the_next_build(filled, damage):
    first = built(filled)
    key = first["artifact"]["key"]
    blobs.delete(key)
    if damage == "changed":
        blobs.put_bytes(key, b"{}")
    again = built(filled)
    assert (again["added"], again["replaced"], again["rows"]) == (0, 0, again["coverage"][0]["rows"])
    assert run.last_coverage(filled.actor, registry.find(NAME))["jobId"]
    assert built(filled)["upToDate"] == 1


def test_only_new_sessions_are_offered_and_the_bytes_are_those_of_a_whole_build(owner, stranger, tmp_path):
    values = closes(450)
    lake.registered(owner)
    for start, stop in ((0, 300), (300, 301), (301, 450)):
        put(owner, tmp_path, values[start:stop], start)
        result = built(owner)
    assert (result["added"], result["replaced"], result["unchanged"]) == (149, 0, 0)
    lake.registered(stranger)
    put(stranger, tmp_path, values)
    built(stranger)
    assert digests(owner) == digests(stranger)
    whole = built(owner, full=True)
    assert (whole["added"], whole["replaced"], whole["unchanged"]) == (0, 0, 443)
    assert digests(owner) == digests(stranger)


def test_a_restated_bar_recomputes_from_there(owner, stranger, tmp_path):
    values = closes()
    lake.registered(owner)
    put(owner, tmp_path, values)
    built(owner)
    changed = values.copy()
    changed[350] *= 1.01
    put(owner, tmp_path, changed[350:351], 350, policy="newer")
    # the same session offered once more, unchanged, must not hide that it was restated
    put(owner, tmp_path, changed[350:351], 350, policy="newer")
    result = built(owner)
    assert (result["added"], result["replaced"], result["unchanged"]) == (0, 50, 0)
    lake.registered(stranger)
    put(stranger, tmp_path, changed)
    built(stranger)
    assert digests(owner) == digests(stranger)


def test_older_bars_that_come_late_recompute_everything(owner, stranger, tmp_path):
    values = closes()
    lake.registered(owner)
    put(owner, tmp_path, values[100:], 100)
    built(owner)
    put(owner, tmp_path, values[:100])
    built(owner)
    lake.registered(stranger)
    put(stranger, tmp_path, values)
    built(stranger)
    assert digests(owner) == digests(stranger)


def test_corporate_actions_change_only_what_follows_them(owner, stranger, tmp_path):
    values = closes()
    split = np.where(np.arange(400) >= 380, values / 2, values)
    for person in (owner, stranger):
        lake.registered(person, "XNYS:ABC", "equity", "24/7")
    put(owner, tmp_path, split[:380], name="XNYS:ABC", table="equities_bars")
    built(owner)
    before = rows_of(owner, "XNYS:ABC")
    act(owner, tmp_path, 380, "split", 2.0, "XNYS:ABC")
    put(owner, tmp_path, split[380:], 380, name="XNYS:ABC", table="equities_bars")
    result = built(owner)
    assert (result["added"], result["replaced"]) == (20, 0)
    assert rows_of(owner, "XNYS:ABC").slice(0, before.num_rows).equals(before)
    act(stranger, tmp_path, 380, "split", 2.0, "XNYS:ABC")
    put(stranger, tmp_path, split, name="XNYS:ABC", table="equities_bars")
    built(stranger)
    assert digests(owner, "XNYS:ABC") == digests(stranger, "XNYS:ABC")
    unsplit = oracle.columns(
        pd.DataFrame(
            dict.fromkeys(("high", "low", "close"), values) | {"volume": 10.0},
            index=pd.DatetimeIndex((np.arange(400) + MONDAY).astype("datetime64[D]").astype("datetime64[ns]")),
        )
    )
    last = rows_of(owner, "XNYS:ABC").slice(392).to_pylist()[0]
    assert last["rsi"] == pytest.approx(unsplit["rsi"].iloc[-1])
    assert last["sma_50"] == pytest.approx(unsplit["sma_50"].iloc[-1] / 2)


def test_an_action_that_becomes_known_late_recomputes_from_its_date(owner, tmp_path):
    lake.registered(owner, "XNYS:ABC", "equity", "24/7")
    put(owner, tmp_path, closes(), name="XNYS:ABC", table="equities_bars")
    built(owner)
    act(owner, tmp_path, 390, "dividend", 1.0, "XNYS:ABC")
    result = built(owner)
    assert result["added"] == 0
    assert result["replaced"] == 10
    assert result["unchanged"] == 1  # the day before, which an action could reach at another zone's clock


@pytest.mark.skipif(not WIKI.is_file(), reason="no recorded prices (NEXUS_REALDATA)")
def test_on_recorded_prices_the_lake_holds_what_pandas_says(owner, tmp_path):
    whole = pd.read_csv(WIKI, parse_dates=["Date"])
    frame = whole[whole["Ticker"] == "AAPL"].set_index("Date").rename(columns=str.lower).iloc[-900:]
    # stated apart from actions here: prices that are comparable already
    ratio = (frame["adj close"] / frame["close"]).to_numpy()
    columns = {name: frame[name].to_numpy(float) * ratio for name in ("open", "high", "low", "close")}
    comparable = pd.DataFrame(columns | {"volume": frame["volume"].to_numpy(float)}, index=frame.index)
    lake.registered(owner, "XNAS:AAPL", "equity", "XNAS")
    stamps = frame.index.to_numpy().astype("datetime64[ns]")
    rows = lake.shaped(
        {"ts_event": stamps, **{name: comparable[name].to_numpy() for name in comparable}}, "equities_bars"
    )
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, "XNAS:AAPL", "equities_bars"))
    result = built(owner)
    told = rows_of(owner, "XNAS:AAPL").to_pandas()
    wanted = oracle.columns(comparable).tail(len(told))
    assert result["rows"] == len(told) == 895
    for name in wanted:
        mine, theirs = told[name].to_numpy(float), wanted[name].to_numpy()
        assert np.allclose(mine, theirs, rtol=1e-7, atol=1e-7, equal_nan=True), name
    assert told["recommend_all"].notna().sum() == 900 - technicals.WARM_UP + 1


def test_an_instrument_in_two_tables_is_read_from_the_first(owner, tmp_path):
    lake.registered(owner)
    put(owner, tmp_path, closes())
    put(owner, tmp_path, closes(seed=9), table="index_bars")
    assert [each["table"] for each in built(owner)["coverage"]] == ["crypto_bars_1d"]
    job = build(owner, tables=["index_bars"])
    assert job.error["code"] == "FEATURE_NO_COVERAGE"


def test_no_row_at_all_is_a_failure(owner, tmp_path):
    job = build(owner)
    assert (job.state, job.error["code"]) == (State.FAILED, "FEATURE_NO_COVERAGE")
    lake.registered(owner)
    put(owner, tmp_path, [100.0, 101, 102])
    job = build(owner)
    assert (job.state, job.error["code"]) == (State.FAILED, "FEATURE_NO_COVERAGE")
    assert job.error["details"]["coverage"][0]["bars"] == 3
    held = FeatureCoverage.everyone.get(job=job)
    assert held.key == job.error["details"]["artifact"]["key"]
    assert manifests.read(held.key, held.sha256)["rows"] == 0
    assert not LakeEntry.of(owner.actor.tenant_id).filter(table=TABLE).exists()
    assert run.last_coverage(owner.actor, registry.find(NAME)) is None


def test_damaged_bars_of_one_instrument_stop_no_other_and_the_job_says_so(filled, tmp_path):
    lake.registered(filled, "X:B")
    put(filled, tmp_path, closes(seed=5), name="X:B")
    segment = LakeMember.objects.filter(entry__instrument="X:B").first().segment
    with blobs.local(segment.key) as path:
        path.chmod(0o644)
        path.write_bytes(b"nothing that could be read")
    job = build(filled)
    assert (job.state, job.error["code"]) == (State.FAILED, "FEATURE_INPUT_DAMAGED")
    assert [each["instrument"] for each in job.error["details"]["coverage"]] == ["X:B"]
    held = FeatureCoverage.everyone.get(job=job)
    assert held.key == job.error["details"]["artifact"]["key"]
    assert len(manifests.read(held.key, held.sha256)["instruments"]) == 2
    assert rows_of(filled).num_rows == 393
    blobs.delete(segment.key)
    job = build(filled)
    assert job.error["code"] == "FEATURE_INPUT_DAMAGED"
    assert built(filled, instruments=[ETH])["upToDate"] == 1


def test_what_was_true_before_is_built_again_when_it_is_true_again(filled):
    built(filled)
    first = digests(filled)
    for zone in ("Asia/Tokyo", "UTC"):
        with db.atomic():
            instruments.describe(filled.actor, ETH, {"timezone": zone})
        result = built(filled)
        assert (result["commits"], result["unchanged"]) == (1, 393)
    assert built(filled)["commits"] == 0
    assert digests(filled) == first


@pytest.mark.parametrize(
    "fault",
    [
        commit.LakeBusy("others"),
        faults.StorageFailed("the disk said no"),
        executor.children.ChildFailed("READER_KILLED", "killed", status=503),
    ],
    ids=lambda fault: fault.code,
)
def test_a_fault_that_may_pass_is_tried_again(filled, monkeypatch, fault):
    real, calls = commit.commit, []

    def once(*args, **more):
        calls.append(more["key"])
        if len(calls) == 1:
            raise fault
        return real(*args, **more)

    monkeypatch.setattr(run.commit, "commit", once)
    job = build(filled)
    assert job.state == State.QUEUED
    Job.everyone.filter(id=job.id).update(run_at=db.now())
    while runner.wake():
        pass
    job.refresh_from_db()
    assert (job.state, job.attempts) == (State.SUCCEEDED, 2)
    assert len(set(calls)) == 1
    assert rows_of(filled).num_rows == 393


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"tables": ["trades"]}, "VALIDATION_ERROR"),
        ({"instruments": ["X:NONE"]}, "VALIDATION_ERROR"),
        ({"instruments": ["no name"]}, "SYMBOL_REFUSED"),
        ({"instruments": [ETH], "tables": ["index_bars"]}, "VALIDATION_ERROR"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_job(filled, options, code):
    with pytest.raises(BadRequest) as refused, db.atomic():
        run.request(filled.actor, NAME, options)
    assert refused.value.code == code
    assert not Job.everyone.filter(kind=run.JOB).exists()


def test_an_unknown_feature_is_named(owner):
    with pytest.raises(registry.FeatureUnknown) as refused, db.atomic():
        run.request(owner.actor, "nothing", {})
    assert refused.value.details["features"] == [NAME]


def test_another_workspaces_bars_are_not_seen(filled, stranger):
    job = build(stranger)
    assert job.error["code"] == "FEATURE_NO_COVERAGE"
    assert job.error["details"]["coverage"] == []
    with pytest.raises(BadRequest), db.atomic():
        run.request(stranger.actor, NAME, {"instruments": [ETH]})


def test_a_suspected_split_holds_back_its_instrument_and_no_other(owner, tmp_path):
    name, values = lake.registered(owner, "XNAS:HALF", "equity", "24/7"), closes()
    values[199], values[200:] = 100, values[200:] * 50 / values[200]
    put(owner, tmp_path, values, name=name, table="equities_bars")
    lake.registered(owner)
    put(owner, tmp_path, closes(seed=5))
    lines = {each["instrument"]: each for each in built(owner)["coverage"]}
    assert (lines[name]["rows"], lines[name]["changed"], lines[name]["fault"]) == (0, False, None)
    assert "2025-04-25" in lines[name]["heldBack"]
    assert (lines[ETH]["rows"], lines[ETH]["heldBack"]) == (393, None)
    act(owner, tmp_path, 200, "split", 2.0, name)
    lines = {each["instrument"]: each for each in built(owner)["coverage"]}
    assert (lines[name]["rows"], lines[name]["heldBack"]) == (393, None)
