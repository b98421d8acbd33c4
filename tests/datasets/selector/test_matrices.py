"""Matrices of a snapshot: what is in them, every drop with its reason, the same bytes whatever becomes of the lake."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.lake import ledger, scan
from datasets.models import ReturnsMatrix
from datasets.selector import matrices
from datasets.snapshots import keeping
from datasets.storage import blobs
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY
from tests.kit.stocked import NAMES, START, closes
from tests.lona.worker import work
from tradenexus import db
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


def ask(owner, snapshot, document=NAMES, table="", **rules):
    with db.atomic():
        return matrices.request(owner.actor, snapshot, list(document), table, rules)


def make(owner, snapshot, document=NAMES, table="", **rules) -> ReturnsMatrix:
    matrix, _ = ask(owner, snapshot, document, table, **rules)
    work()
    matrix.refresh_from_db()
    return matrix


def rows_of(matrix) -> pa.Table:
    assert matrix.state == "ready", Job.everyone.order_by("-created_at").first().error
    with blobs.local(matrix.key) as path:
        return pq.read_table(path)


def test_a_matrix_has_the_daily_returns_of_each_candidate(stocked, owner):
    snapshot = stocked.freeze()
    matrix = make(owner, snapshot)
    rows = rows_of(matrix)
    assert rows.column_names == ["date", *NAMES]
    assert rows["date"].to_pylist()[0] == date(2024, 10, 8)
    assert (rows.num_rows, matrix.days, matrix.kept, matrix.drops) == (399, 399, 3, [])
    for number, name in enumerate(NAMES):
        expected = closes(number)[1:] / closes(number)[:-1] - 1
        assert rows[name].to_pylist() == expected.tolist()
    assert rows.schema.metadata[b"nexus.snapshot"].decode().strip('"') == snapshot.digest


def test_the_lake_changed_afterwards_gives_the_same_digest(stocked, owner):
    snapshot = stocked.freeze()
    first = make(owner, snapshot)
    stocked.put(NAMES[0], closes(7), policy="newer")
    ReturnsMatrix.everyone.filter(id=first.id).delete()
    again = make(owner, snapshot, reversed(NAMES))
    assert again.id != first.id
    assert (again.sha256, again.size_bytes) == (first.sha256, first.size_bytes)
    assert make(owner, stocked.freeze("run-2")).sha256 != first.sha256


def test_every_drop_is_listed_with_its_reason(stocked, owner):
    flat, short, gappy = "BINANCE:FLAT-BTC", "BINANCE:NEW-BTC", "BINANCE:HOLES-BTC"
    stocked.put(flat, np.full(400, 5.0))
    stocked.put(short, closes(11, 50))
    lake.registered(owner, gappy)
    some = lake.daily(closes(12)).filter(pa.array(np.arange(400) % 2 == 0))
    lake.put(owner, stocked.folder, lake.offer(stocked.folder, some, gappy))
    held = [*NAMES, flat, short, gappy]
    snapshot = stocked.freeze(instruments=held, grade="ANY", allow_short=True)
    matrix = make(owner, snapshot, [*held, "BINANCE:OTHER", "bad name", NAMES[0]])
    assert {each["candidate"]: each["reason"] for each in matrix.drops} == {
        "bad name": "UNREADABLE",
        NAMES[0]: "LISTED_TWICE",
        "BINANCE:OTHER": "NOT_IN_SNAPSHOT",
        flat: "ZERO_VARIANCE",
        short: "TOO_FEW_DAYS",
        gappy: "TOO_MANY_MISSING",
    }
    assert rows_of(matrix).column_names == ["date", *NAMES]
    looser = rows_of(make(owner, snapshot, held, min_days=2, max_missing_pct=100.0))
    assert looser.column_names == ["date", NAMES[0], NAMES[1], gappy, short, NAMES[2]]
    assert looser[gappy].null_count == 200


def test_only_the_range_of_the_snapshot_counts(stocked, owner):
    snapshot = stocked.freeze(start=START + 50 * DAY, end=START + 150 * DAY)
    rows = rows_of(make(owner, snapshot))
    assert rows.num_rows == 99
    assert rows[NAMES[1]].to_pylist() == (closes(1)[51:150] / closes(1)[50:149] - 1).tolist()


def test_a_split_that_the_snapshot_knows_is_taken_out(stocked, owner, tmp_path):
    when = np.array([(MONDAY + 100) * DAY]).astype("datetime64[ns]")
    split = lake.shaped({"ts_event": when, "action": ["split"], "value": [0.05]}, "corporate_actions")
    name = lake.registered(owner, "XNYS:AIG", "equity", "24/7")
    whole = {"start_ns": START, "end_ns": START + 400 * DAY}
    lake.put(owner, tmp_path, lake.offer(tmp_path, split, name, "corporate_actions", **whole))
    prices = np.linspace(1.0, 1.2, 400)
    prices[100:] *= 20
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(prices, table="equities_bars"), name, "equities_bars"))
    snapshot = stocked.freeze(instruments=[name], tables=["equities_bars", "corporate_actions"], grade="ANY")
    values = rows_of(make(owner, snapshot, [name]))[name].to_numpy()
    assert np.abs(values).max() < 0.001
    assert Job.everyone.order_by("-created_at").first().result["splits"] == {name: 1}


def test_nobody_left_fails_with_every_drop_and_can_be_asked_for_again(stocked, owner):
    snapshot = stocked.freeze()
    matrix = make(owner, snapshot, min_days=1000)
    assert matrix.state == "failed"
    assert [each["reason"] for each in matrix.drops] == ["TOO_FEW_DAYS"] * 3
    job = Job.everyone.get(kind=matrices.JOB)
    assert job.error["code"] == "RETURNS_EMPTY"
    assert len(job.error["details"]["drops"]) == 3
    queue.retry(owner.actor, job)
    matrix.refresh_from_db()
    assert matrix.state == "building"
    work()
    matrix.refresh_from_db()
    assert (matrix.state, len(matrix.drops)) == ("failed", 3)
    again, job = ask(owner, snapshot, min_days=1000)
    assert (again.id, again.state, job.state) == (matrix.id, "building", "queued")


def test_asking_again_joins_what_is_there(stocked, owner):
    snapshot = stocked.freeze()
    first, job = ask(owner, snapshot)
    second, same = ask(owner, snapshot, reversed(NAMES))
    assert (first.id, job.pk) == (second.id, same.pk)
    work()
    third, none = ask(owner, snapshot)
    assert (third.id, none) == (first.id, None)
    assert ask(owner, snapshot, min_days=30)[0].id != first.id


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"min_days": 1}, "VALIDATION_ERROR"),
        ({"max_missing_pct": 101.0}, "VALIDATION_ERROR"),
        ({"table": "trades"}, "VALIDATION_ERROR"),
        ({"document": []}, "CANDIDATES_REFUSED"),
    ],
)
def test_what_cannot_be_is_refused_before(stocked, owner, more, code):
    snapshot = stocked.freeze()
    with pytest.raises(Exception) as refused:
        ask(owner, snapshot, **more)
    assert refused.value.code == code
    assert not ReturnsMatrix.everyone.exists()


def test_an_expired_snapshot_makes_none_and_its_matrices_go(stocked, owner):
    snapshot = stocked.freeze()
    matrix = make(owner, snapshot)
    waiting, _ = ask(owner, snapshot, min_days=30)
    with db.atomic():
        keeping.expire(owner.actor, snapshot)
    work()
    waiting.refresh_from_db()
    assert waiting.state == "failed"
    with pytest.raises(Exception, match="has expired"):
        ask(owner, snapshot, min_days=20)
    keeping.sweep("r")
    assert not blobs.exists(matrix.key)
    matrix.refresh_from_db()
    assert (matrix.key, len(matrix.sha256)) == ("", 64)


def test_another_workspace_has_no_part_in_it(stocked, owner, stranger):
    matrix, job = ask(owner, stocked.freeze())
    Job.everyone.filter(pk=job.pk).update(tenant=stranger.tenant)
    work()
    matrix.refresh_from_db()
    assert matrix.state == "building"


def test_a_suspected_split_drops_its_candidate_until_an_action_or_a_reviewer_says_what_it_was(stocked, owner):
    name = "BINANCE:HALF-BTC"
    halved = closes(21) * np.where(np.arange(400) < 200, 1, 0.5)
    halved[199], halved[200] = 100, 50
    stocked.put(name, halved)
    held = [*NAMES, name]
    snapshot = stocked.freeze(instruments=held, grade="ANY")
    (drop,) = make(owner, snapshot, held).drops
    assert (drop["candidate"], drop["reason"]) == (name, "SPLIT_UNWITNESSED")
    assert "2025-04-25" in drop["words"]
    for each in held:
        stamps = np.array([(MONDAY + 200) * DAY]).astype("datetime64[ns]")
        told = {"action": ["split" if each == name else "dividend"], "value": [2.0 if each == name else 0.1]}
        action = lake.shaped({"ts_event": stamps, **told}, "corporate_actions")
        lake.put(owner, stocked.folder, lake.offer(stocked.folder, action, each, "corporate_actions"))
    assert make(owner, snapshot, held).drops == [drop]  # the snapshot has no such action
    both = ["crypto_bars_1d", "corporate_actions"]
    later = stocked.freeze("run-2", instruments=held, tables=both, grade="ANY", allow_short=True)
    assert make(owner, later, held).drops == []
    entry = scan.entry_of(owner.tenant.id, "crypto_bars_1d", name)
    with db.atomic():
        until = db.now() + timedelta(days=30)
        ledger.override(owner.actor, entry, date(2025, 4, 25), "GREEN", "a true fall, seen in the news", until)
    assert make(owner, snapshot, held).drops == []  # another matrix: it is made of another word
