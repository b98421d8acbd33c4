"""The catalog and the ledger as files outside of bundles: of one moment, replaced at once."""

from __future__ import annotations

import io
import json

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from datasets.exports import catalog, mirror
from tests.kit import exports, lake
from tests.lona.worker import work
from tradenexus import db
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


def test_both_files_are_what_the_lake_says_and_follow_it(owner, tmp_path):
    exports.fill(owner, tmp_path)
    folder = tmp_path / "mirror"
    paths = mirror.write(owner.tenant.id, folder)
    assert [f"{path.relative_to(folder)}" for path in paths] == list(mirror.FILES)
    assert json.loads((folder / "catalog.json").read_text()) == catalog.of(owner.tenant.id)
    rows = pq.read_table(folder / "qc/partition_status.parquet").to_pylist()
    assert (len(rows), sum(row["exported"] for row in rows)) == (120, 117)
    before = (folder / "catalog.json").open()
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([100.0], first_day=20_103), "BINANCE:ETH-BTC"))
    mirror.write(owner.tenant.id, folder)
    assert pq.read_metadata(folder / "qc/partition_status.parquet").num_rows == 121
    assert json.load(before) != json.loads((folder / "catalog.json").read_text())  # who had it open read the old one
    assert sorted(path.name for path in folder.rglob("*")) == sorted(
        ["qc", *(path.rpartition("/")[2] for path in mirror.FILES)]
    )


def test_the_command_writes_beside_the_bundles_and_knows_its_workspaces(owner, tmp_path, settings):
    exports.fill(owner, tmp_path)
    said = io.StringIO()
    call_command("lake_mirror", tenant="first", stdout=said)
    assert said.getvalue().splitlines()[1].endswith(f"exports/{owner.tenant.id.hex}/lake/catalog.json")
    with pytest.raises(CommandError, match="no workspace"):
        call_command("lake_mirror", tenant="nobody")


def kept() -> dict:
    with db.atomic():
        job = queue.submit(None, mirror.JOB)
    work()
    return Job.everyone.get(id=job.id).result


def test_it_follows_the_lake_and_rests_while_nothing_changes(owner, stranger, tmp_path):
    exports.fill(owner, tmp_path)
    folder = mirror.place(owner.tenant.id)
    assert kept() == {"written": [str(folder)], "unchanged": 0}
    ledger = folder / "qc/partition_status.parquet"
    first = (ledger.stat().st_ino, pq.read_metadata(ledger).num_rows)
    assert kept() == {"written": [], "unchanged": 1}
    assert ledger.stat().st_ino == first[0]
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([100.0], first_day=20_103), "BINANCE:ETH-BTC"))
    assert kept()["written"] == [str(folder)]
    assert pq.read_metadata(ledger).num_rows == first[1] + 1
    assert not mirror.place(stranger.tenant.id).exists()


def test_what_is_gone_or_a_day_old_is_written_again(owner, tmp_path, monkeypatch):
    exports.fill(owner, tmp_path)
    kept()
    (mirror.place(owner.tenant.id) / "catalog.json").unlink()
    assert len(kept()["written"]) == 1
    assert kept()["written"] == []
    monkeypatch.setattr(mirror, "OLDEST_S", 0)
    assert len(kept()["written"]) == 1
