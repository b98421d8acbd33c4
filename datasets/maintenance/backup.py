"""Backups: a consistent copy of the database and every stored file it names, while writers go on.

    DIR/<UTC time>-<id>/  database.sqlite3 | database.dump   blobs/<key>   blobs.jsonl   manifest.json

One is built under another name and appears by a rename when all of it is on disk. `manifest.json` holds the SHA-256 of
the database and of the list of blobs, which holds each blob's. Files that the backup before has are linked from there
(stored content never changes); others are copied, and compared with their digests on the way.

Files are copied before the database, and what the database names besides after it: garbage collection in between
removes only what was copied before. Secrets and settings are not in a backup.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import connection

from datasets.maintenance import dumps, records, stored
from datasets.models import Chore
from datasets.storage import blobs, layout
from tradenexus import db, failpoints
from tradenexus.errors import Unavailable

FORMAT = 1
_BUILDING = "building-"


class BackupFailed(Unavailable):
    """The backup, or the restore of one, could not be made; the message says why. Nothing that was there is changed."""

    code = "BACKUP_FAILED"


@dataclass
class Tally:
    """What a backup consists of, and what is wrong with it."""

    files: int = 0
    bytes: int = 0
    copied: int = 0
    linked: int = 0
    damaged: list[dict[str, str]] = field(default_factory=list)


def make(folder: Path, *, keep: int = 0) -> tuple[Path, dict[str, Any]]:
    """Make a backup in a folder of backups -> its own folder, and the result that is kept; BackupFailed, DumpFailed.

    Damaged files are replaced by sound copies of the backup before; where there is none they are left out and named in
    `damaged`, and `ok` is false. `keep` removes all but the newest so many backups, once this one is there.
    """
    started, clock = db.now(), time.monotonic()
    name = f"{started:%Y%m%dT%H%M%S%f}Z-{uuid4().hex[:8]}"
    try:
        with _building(folder, name) as building:
            work = _Backup(building, _earlier(folder))
            manifest = work.run(name)
            os.sync()  # the files, all at once; each by itself would cost a journal commit
            failpoints.hit("backup.written")
            building.rename(folder / name)
            blobs.sync_folder(folder)
            failpoints.hit("backup.named")
    except OSError as error:
        raise BackupFailed(f"the backup could not be written: {error.strerror or error}") from error
    tally = asdict(work.tally)
    result = {"ok": not work.tally.damaged, "name": name, **tally, "databaseBytes": manifest["database"]["sizeBytes"]}
    result["seconds"] = round(time.monotonic() - clock, 3)
    with db.atomic():
        records.keep(Chore.BACKUP, None, ok=result["ok"], result=result, started_at=started)
    _drop(folder, keep)
    return folder / name, result


@contextmanager
def _building(folder: Path, name: str) -> Iterator[Path]:
    """Give a folder to build in, locked while it is; what builders that were killed left behind is removed first."""
    for left in folder.glob(f"{_BUILDING}*"):
        with suppress(OSError), _locked(left):
            shutil.rmtree(left, ignore_errors=True)
    building = folder / f"{_BUILDING}{name}"
    (building / "blobs").mkdir(parents=True)
    try:
        with ExitStack() as stack:
            with suppress(OSError):  # a file system without locks: there nothing is taken for left behind
                stack.enter_context(_locked(building))
            yield building
    finally:
        shutil.rmtree(building, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock; OSError when another process has it. It goes with the process, however that ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def all_in(folder: Path) -> list[Path]:
    """Return the backups in a folder, the oldest first; those that were cut short are none."""
    return sorted(path.parent for path in folder.glob("[0-9]*Z-*/manifest.json"))


def listed(backup: Path) -> Iterator[blobs.Blob]:
    """Yield the blobs of a backup from its list."""
    with (backup / "blobs.jsonl").open() as lines:
        for line in lines:
            yield blobs.Blob(*json.loads(line))


class _Backup:
    def __init__(self, building: Path, earlier: Path | None) -> None:
        self.building, self.tally = building, Tally()
        self.earlier = earlier
        self.before = {blob.key: blob for blob in listed(earlier)} if earlier else {}
        self.got: dict[str, blobs.Blob] = {}
        self.faults: dict[str, str] = {}

    def run(self, name: str) -> dict[str, Any]:
        """Fill the folder and return the manifest."""
        with connection.cursor() as cursor:
            now = list(_named(cursor))
        self._take(now)
        failpoints.hit("backup.blobs")
        with dumps.taken(self.building) as (database, cursor):
            named = {blob.key: blob for blob in _named(cursor)}
        self._take(list(named.values()))
        for key in self.got.keys() - named.keys():  # named when we began, and not any more
            (self.building / "blobs" / key).unlink()
        self._list(named)
        manifest = {
            "format": FORMAT,
            "name": name,
            "nexus": settings.NEXUS_VERSION,
            "database": _facts(database),
            "blobs": _facts(self.building / "blobs.jsonl"),
            "files": self.tally.files,
            "bytes": self.tally.bytes,
            "damaged": self.tally.damaged,
        }
        (self.building / "manifest.json").write_text(json.dumps(manifest, indent=1))
        return manifest

    def _list(self, named: dict[str, blobs.Blob]) -> None:
        with (self.building / "blobs.jsonl").open("w") as lines:
            for key in sorted(named.keys() & self.got.keys()):
                blob = self.got[key]
                self.tally.files += 1
                self.tally.bytes += blob.size_bytes
                lines.write(json.dumps([blob.key, blob.size_bytes, blob.sha256]) + "\n")
        lost = sorted(named.keys() - self.got.keys())
        self.tally.damaged = [{"key": key, "fault": self.faults[key]} for key in lost]

    def _take(self, wanted: list[blobs.Blob]) -> None:
        for blob in wanted:
            if blob.key in self.got:
                continue
            found, fault = self._linked(blob), ""
            if found is None:
                found, fault = self._copied(blob)
            if found is None:
                self.faults[blob.key] = fault
            else:
                self.got[blob.key] = found

    def _linked(self, blob: blobs.Blob) -> blobs.Blob | None:
        """Link the file from the backup before if that has the very same one."""
        known = self.before.get(blob.key)
        if self.earlier is None or known is None or (blob.sha256 and known.sha256 != blob.sha256):
            return None
        with suppress(OSError):
            os.link(self.earlier / "blobs" / blob.key, self._place(blob.key))
            self.tally.linked += 1
            return known
        return None

    def _copied(self, blob: blobs.Blob) -> tuple[blobs.Blob | None, str]:
        target, digest, size = self._place(blob.key), hashlib.sha256(), 0
        try:
            with blobs.open_blob(blob.key) as source, target.open("wb") as copy:
                while block := source.read(blobs.BLOCK_BYTES):
                    digest.update(block)
                    size += len(block)
                    copy.write(block)
        except blobs.BlobMissing:
            return None, "missing"
        found = blobs.Blob(blob.key, size, digest.hexdigest())
        if blob.sha256 and (found.size_bytes, found.sha256) != (blob.size_bytes, blob.sha256):
            target.unlink()
            return None, "has other bytes (SHA-256 differs)"
        self.tally.copied += 1
        return found, ""

    def _place(self, key: str) -> Path:
        target = self.building / "blobs" / layout.checked(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


def _named(cursor: Any) -> Iterator[blobs.Blob]:
    """Yield what a database names, asked through a cursor on it or on a copy."""
    for holder in stored.HOLDERS:
        cursor.execute(holder.sql())
        for row in cursor.fetchall():
            yield blobs.Blob(*row)


def _facts(path: Path) -> dict[str, Any]:
    return {"file": path.name, "sizeBytes": path.stat().st_size, "sha256": blobs.digest_of(path)}


def _earlier(folder: Path) -> Path | None:
    known = all_in(folder)
    return known[-1] if known else None


def _drop(folder: Path, keep: int) -> None:
    for old in all_in(folder)[:-keep] if keep > 0 else []:
        # Its name goes first: what is half removed must not be taken for a backup.
        gone = old.with_name(f"{_BUILDING}{old.name}")
        old.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
