"""Backups: whole, consistent while writers go on, the second one cheap, damage replaced or named."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from datasets.features import run as features
from datasets.maintenance import backup, dumps, fsck, garbage, restore, stored
from datasets.models import DatasetVersion, FeatureCoverage, LakeRevision, LakeSegment, Upkeep
from datasets.selector import matrices
from datasets.storage import blobs, layout
from tests.kit import factories, lake, stocked
from tests.lona.worker import work
from tradenexus import db, failpoints
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def full(owner, tmp_path):
    """A version with raw and canonical file, and an entry."""
    made = factories.sealed(owner, tmp_path)
    raw = blobs.put_bytes(layout.raw(made.tenant_id, made.dataset_id, made.id), b"time,price\n1,2\n")
    DatasetVersion.everyone.filter(id=made.id).update(raw_key=raw.key, sha256=raw.sha256, size_bytes=raw.size_bytes)
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(100 + np.arange(50) / 8), lake.registered(owner)))
    return owner


def append(owner, folder, number: int, key: str = "") -> None:
    rows = lake.daily([200.0 + number], first_day=lake.MONDAY + 50 + number)
    lake.put(owner, folder, lake.offer(folder, rows, "BINANCE:ETH-BTC"), key=key)


def test_a_backup_has_every_file_that_rows_name(store, full, tmp_path):
    path, result = backup.make(tmp_path / "backups")
    assert (result["ok"], result["files"], result["copied"], result["linked"]) == (True, 3, 3, 0)
    manifest = restore.verify(path)
    assert (manifest["files"], manifest["bytes"]) == (3, result["bytes"])
    for blob in backup.listed(path):
        with blobs.open_blob(blob.key) as handle:
            assert handle.read() == (path / "blobs" / blob.key).read_bytes()
    kept = Upkeep.everyone.get(chore="backup")
    assert (kept.tenant_id, kept.ok, kept.result["name"]) == (None, True, path.name)


def test_the_next_one_copies_only_what_is_new(full, tmp_path):
    backup.make(tmp_path / "backups")
    append(full, tmp_path, 0)
    path, result = backup.make(tmp_path / "backups")
    assert (result["copied"], result["linked"]) == (1, 3)
    assert restore.verify(path)["files"] == 4


def test_while_writers_go_on_the_copy_is_of_one_moment(full, tmp_path):
    """Commits go on in a thread; each backup names exactly the segments of its own database, all sound."""
    over = threading.Event()
    faults: list[BaseException] = []

    def write() -> None:
        try:
            for number in range(100):
                append(full, tmp_path, number)
                if over.is_set():
                    return
        except BaseException as fault:  # noqa: BLE001 (a thread's fault is the test's)
            faults.append(fault)
        finally:
            connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    made = [backup.make(tmp_path / "backups") for _ in range(3)]
    over.set()
    thread.join()
    assert not faults
    for path, result in made:
        assert result["ok"], result["damaged"]
        assert restore.verify(path)
        if db.is_sqlite():
            with closing(sqlite3.connect(path / "database.sqlite3")) as copy:
                named = {row[0] for row in copy.execute("SELECT key FROM datasets_lakesegment")}
            assert named == {blob.key for blob in backup.listed(path) if blob.key.startswith("lake/")}


def test_what_is_collected_in_between_does_not_dangle(full, tmp_path, monkeypatch):
    """The row goes after files were copied and before the database is: neither is in the backup."""
    append(full, tmp_path, 0)
    LakeRevision.objects.update(created_at="2020-01-01T00:00Z")
    garbage.collect(full.tenant.id)
    LakeSegment.everyone.filter(retired_at__isnull=False).update(retired_at="2020-01-02T00:00Z")
    meets = {"backup.blobs": [lambda: garbage.collect(full.tenant.id), lambda: append(full, tmp_path, 1)]}

    def hit(name: str) -> None:
        for deed in meets.pop(name, []):
            deed()

    monkeypatch.setattr(failpoints, "hit", hit)
    path, result = backup.make(tmp_path / "backups")
    assert result["ok"]
    keys = {blob.key for blob in backup.listed(path)}
    assert keys >= set(LakeSegment.everyone.values_list("key", flat=True))
    assert restore.verify(path)["files"] == len(keys) == 4
    assert len([each for each in (path / "blobs").rglob("*") if each.is_file()]) == 4


def test_damage_is_replaced_by_the_backup_before_or_named(store, full, tmp_path):
    folder = tmp_path / "backups"
    key = LakeSegment.everyone.get().key
    with blobs.open_blob(key) as handle:
        sound = handle.read()
    store.replace(key, sound[:-1] + b"x")
    first, result = backup.make(folder)
    assert (result["ok"], result["damaged"]) == (False, [{"key": key, "fault": "has other bytes (SHA-256 differs)"}])
    assert restore.verify(first)["files"] == 2
    store.replace(key, sound)
    backup.make(folder)
    blobs.delete(key)
    last, result = backup.make(folder)
    assert result["ok"]
    assert (last / "blobs" / key).read_bytes() == sound


def test_keep_removes_older_ones(full, tmp_path):
    folder = tmp_path / "backups"
    made = [backup.make(folder, keep=2)[0] for _ in range(4)]
    assert backup.all_in(folder) == made[2:]
    assert restore.verify(made[3])
    assert sorted(each.name for each in folder.iterdir()) == sorted(each.name for each in made[2:])


@pytest.mark.parametrize("part", ["blob", "database", "list", "manifest", "missing"])
def test_a_backup_that_was_changed_is_refused_by_name(full, tmp_path, part):
    path, _ = backup.make(tmp_path / "backups")
    names = {"list": "blobs.jsonl", "manifest": "manifest.json"}
    database = next(path.glob("database.*"))
    target = {"database": database}.get(part) or path / names.get(part, "")
    if part in ("blob", "missing"):
        target = path / "blobs" / LakeSegment.everyone.get().key
    if part == "missing":
        target.unlink()
    else:
        target.chmod(0o600)
        target.write_bytes(target.read_bytes()[:-1] + b"#")
    with pytest.raises(backup.BackupFailed) as refused:
        restore.verify(path)
    assert target.name in refused.value.message or part == "manifest"


def test_a_folder_that_cannot_be_written_is_told_of(full, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(backup.BackupFailed, match="could not be written"):
        backup.make(tmp_path / "file" / "backups")


def test_a_home_that_holds_anything_refuses_a_restore(full, tmp_path):
    path, _ = backup.make(tmp_path / "backups")
    with pytest.raises(restore.HomeNotEmpty):
        restore.restore(path)


def test_the_commands_say_what_is_not_in_it(full, tmp_path, capsys):
    call_command("backup", str(tmp_path / "backups"))
    said = capsys.readouterr()
    path = json.loads(said.out)["path"]
    assert "secret key" in said.err
    call_command("backup", path, verify=True)
    assert json.loads(capsys.readouterr().out)["files"] == 3
    with pytest.raises(CommandError, match="HOME_NOT_EMPTY"):
        call_command("restore", path)


def test_without_the_client_programs_the_dump_says_what_to_install(full, tmp_path, monkeypatch):
    if db.is_sqlite():
        pytest.skip("SQLite needs no program")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(dumps.DumpFailed, match="PostgreSQL client"):
        backup.make(tmp_path / "backups")


def test_a_matrix_is_kept_like_any_other_result(owner, tmp_path):
    stock = stocked.stock(owner, tmp_path)
    with db.atomic():
        row, _ = matrices.request(owner.actor, stock.freeze(), list(stocked.NAMES))
    work()
    row.refresh_from_db()
    assert row.key
    path, _ = backup.make(tmp_path / "backups")
    assert row.key in {blob.key for blob in backup.listed(path)}
    assert fsck.check(owner.tenant.id, deep=True)["ok"]
    garbage.collect(owner.tenant.id)
    assert blobs.exists(row.key)
    blobs.delete(row.key)
    (found,) = fsck.check(owner.tenant.id)["dangling"]["first"]
    assert found["key"] == row.key


def test_what_a_killed_backup_left_goes_with_the_next_one_and_what_is_being_built_stays(full, tmp_path):
    backups = tmp_path / "backups"
    left, going_on = (backups / f"building-{name}" for name in ("left", "going-on"))
    for folder in (left, going_on):
        (folder / "blobs").mkdir(parents=True)
    with backup._locked(going_on):
        backup.make(backups)
        assert not left.exists()
        assert (going_on / "blobs").exists()
    backup.make(backups)
    assert not going_on.exists()


@pytest.fixture
def built(owner, tmp_path):
    """The coverage document of a build that has ended."""
    stocked.stock(owner, tmp_path)
    with db.atomic():
        _, job = features.request(owner.actor, "tv_technicals_1d", {})
    work()
    return FeatureCoverage.everyone.get(job=job)


def test_what_a_build_covered_is_kept_until_its_job_goes(built, owner, tmp_path, monkeypatch):
    path, result = backup.make(tmp_path / "backups")
    assert result["ok"]
    assert built.key in {blob.key for blob in backup.listed(path)}
    assert fsck.check(owner.tenant.id, deep=True)["ok"]
    monkeypatch.setattr(garbage, "AGE", timedelta(0))
    monkeypatch.setattr(garbage, "_SKEW_S", -1)  # nothing is too young
    garbage.collect(owner.tenant.id)
    with blobs.open_blob(built.key) as handle:
        document = handle.read()
    blobs.delete(built.key)
    (found,) = fsck.check(owner.tenant.id)["dangling"]["first"]
    assert (found["subject"], found["key"], found["fault"]) == (built.ref, built.key, "missing")

    blobs.put_bytes(built.key, document)
    Job.everyone.filter(id=built.job_id).delete()
    found = fsck.check(owner.tenant.id)
    assert (found["ok"], found["orphans"]["young"], found["foreign"]["count"]) == (True, 1, 0)
    assert garbage.collect(owner.tenant.id)["orphans"]["first"] == [built.key]
    assert not blobs.exists(built.key)


def test_every_table_that_names_a_stored_file_is_in_it():
    """A model with key, digest and size is one of a file: a backup that does not know it would lose that."""
    columns = {"key", "sha256", "size_bytes"}
    naming = {model for model in apps.get_models() if columns <= {field.name for field in model._meta.concrete_fields}}
    assert naming - {holder.model for holder in stored.HOLDERS} == set()


def test_every_place_of_stored_files_is_walked():
    some = UUID(int=1)
    made = [
        layout.raw(some, some, some), layout.canonical(some, some, some, 0, "0" * 64),
        layout.segment(some, "0" * 64, some), layout.held(some, some, "0" * 64),
        layout.returns_matrix(some, some, some, "0" * 64),
        layout.coverage(some, some, 1), layout.diff(some, some, "0" * 64),
    ]  # fmt: skip
    assert {key.partition("/")[0] for key in made} == set(layout.ZONES)
