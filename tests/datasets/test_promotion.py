"""A version becomes part of the lake: all of it, once, under names that somebody can stand for."""

from __future__ import annotations

import pyarrow as pa
import pytest

from datasets import promotion
from datasets.lake import scan
from datasets.models import Dataset, DatasetVersion, LakeCommit, LakeEntry
from datasets.reads import files_of, opened
from tests.kit import factories
from tradenexus import db
from tradenexus.errors import BadRequest, Conflict
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job, State

pytestmark = pytest.mark.django_db(transaction=True)
OPTIONS = {"table": "crypto_bars_1m", "instruments": {"BTC-USD": "X:BTC-USD"}, "type": "spot", "calendar": "24/7"}


def promote(person, version, **options):
    with db.atomic():
        _, job = promotion.request(person.actor, version.dataset, version.number, {**OPTIONS, **options})
    while runner.wake():
        pass
    return Job.everyone.get(id=job.id)


def test_only_tables_of_the_same_kind_and_interval_fit(owner, tmp_path):
    bars = factories.sealed(owner, tmp_path)
    assert [table.name for table in promotion.tables_for(bars)] == ["equities_bars_minute", "crypto_bars_1m"]
    trades = factories.sealed(owner, tmp_path, kind="trades")
    assert [table.name for table in promotion.tables_for(trades)] == ["trades"]
    assert promotion.tables_for(factories.version_in(owner, "uploaded")) == []


def rows_of(person, table="crypto_bars_1m"):
    entry = scan.entry_of(person.actor.tenant_id, table, "X:BTC-USD")
    return pa.concat_tables(scan.tables_of(scan.locate(entry)))


def test_every_row_of_the_version_is_in_the_lake(owner, tmp_path):
    version = factories.sealed(owner, tmp_path, rows=5000)
    job = promote(owner, version)
    assert job.state == State.SUCCEEDED, job.error
    with opened(files_of(version)[0]) as reader:
        wanted = reader.read()
    told = rows_of(owner)
    assert told.num_rows == 5000
    for name in wanted.column_names:
        assert told[name].to_pylist() == wanted[name].to_pylist()
    entry = LakeEntry.of(owner.actor.tenant_id).get()
    assert entry.fetched_at == version.created_at
    assert set(LakeCommit.of(owner.actor.tenant_id).values_list("source", flat=True)) == {version.ref}


def test_many_small_commits_are_the_same_as_one(owner, tmp_path, monkeypatch):
    monkeypatch.setattr(promotion, "ROWS", 50_000)
    version = factories.sealed(owner, tmp_path, rows=150_000)  # over three months of minutes
    job = promote(owner, version)
    assert job.state == State.SUCCEEDED, job.error
    assert job.result["commits"] > 2
    assert job.result["added"] == 150_000
    assert rows_of(owner)["ts_event"].cast(pa.int64()).to_pylist() == [
        factories.START_NS // 60_000_000_000 * 60_000_000_000 + number * 60_000_000_000 for number in range(150_000)
    ]


def test_promoting_again_changes_nothing(owner, tmp_path):
    version = factories.sealed(owner, tmp_path, rows=100)
    promote(owner, version)
    job = promote(owner, version)
    assert (job.result["added"], job.result["unchanged"]) == (0, 100)
    assert LakeEntry.of(owner.actor.tenant_id).get().revision == 1


def test_trades_go_into_trades(owner, tmp_path):
    version = factories.sealed(owner, tmp_path, rows=3000, status="validated", kind="trades")
    job = promote(owner, version, table="trades")
    assert job.state == State.SUCCEEDED, job.error
    assert rows_of(owner, "trades").num_rows == 3000


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"table": "crypto_bars_1d"}, "VERSION_NOT_PROMOTABLE"),
        ({"table": "trades"}, "VERSION_NOT_PROMOTABLE"),
        ({"table": "nothing"}, "LAKE_TABLE_UNKNOWN"),
        ({"instruments": {"BTC-USD": "X:BTC/USD"}}, "SYMBOL_REFUSED"),
        ({"instruments": {}}, "SYMBOL_REFUSED"),  # the version has no venue
        ({"instruments": {"ETH": "X:ETH"}}, "VALIDATION_ERROR"),
        ({"type": ""}, "VALIDATION_ERROR"),
        ({"policy": "mine"}, "VALIDATION_ERROR"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_job(owner, tmp_path, options, code):
    version = factories.sealed(owner, tmp_path)
    with pytest.raises(Exception) as refused, db.atomic():
        promotion.request(owner.actor, version.dataset, version.number, {**OPTIONS, **options})
    assert refused.value.code == code
    assert not Job.everyone.filter(kind=promotion.JOB).exists()


def test_a_version_that_is_not_judged_cannot_be_promoted(owner, tmp_path):
    version = factories.sealed(owner, tmp_path)
    DatasetVersion.everyone.filter(id=version.id).update(status="validation_failed")
    with pytest.raises(Conflict), db.atomic():
        promotion.request(owner.actor, Dataset.everyone.get(id=version.dataset_id), version.number, OPTIONS)


def test_two_symbols_cannot_become_one_instrument(owner, tmp_path):
    version = factories.sealed(owner, tmp_path)
    DatasetVersion.everyone.filter(id=version.id).update(symbols=["BTC-USD", "ETH"])
    named = {"BTC-USD": "X:A", "ETH": "X:A"}
    with pytest.raises(BadRequest), db.atomic():
        promotion.request(owner.actor, version.dataset, version.number, {**OPTIONS, "instruments": named})
