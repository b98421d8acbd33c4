"""The way back: verify a backup, and restore it into an installation that has neither a database nor stored files.

Every digest is checked before anything is written, and each file again as it is put. The database comes last, so an
installation is there whole or not at all; a restore that was cut short goes on when it is asked for again.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from datasets.maintenance import backup, dumps
from datasets.maintenance.backup import BackupFailed
from datasets.storage import blobs, inventory, layout, spool
from tradenexus import failpoints
from tradenexus.errors import Conflict

SECRETS = (
    "Not in a backup: the secret key (NEXUS_SECRET_KEY or the file secret_key), the settings (NEXUS_*, LONA_*, "
    "DATABASE_URL, REDIS_URL) and bytes of uploads that were not complete. Keep the first two elsewhere."
)


class HomeNotEmpty(Conflict):
    """A restore needs an installation without database and stored files. Give it a new NEXUS_HOME (and database)."""

    code = "HOME_NOT_EMPTY"


def verify(path: Path) -> dict[str, Any]:
    """Check every digest of a backup and return its manifest; BackupFailed names the first file that differs."""
    try:
        manifest = dict(json.loads((path / "manifest.json").read_text()))
        parts = [(path / manifest[name]["file"], manifest[name]) for name in ("database", "blobs")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupFailed(f"{path} is no backup: it has no manifest that can be read") from error
    if manifest["format"] != backup.FORMAT:
        raise BackupFailed(f"{path} has the format {manifest['format']}; this version reads {backup.FORMAT}")
    for part, facts in parts:
        _same(part, facts["sizeBytes"], facts["sha256"])
    count = 0
    for blob in backup.listed(path):
        count += 1
        _same(path / "blobs" / layout.checked(blob.key), blob.size_bytes, blob.sha256)
    if count != manifest["files"]:
        raise BackupFailed(f"{path} lists {count} files, its manifest says {manifest['files']}")
    return manifest


def restore(path: Path) -> dict[str, Any]:
    """Restore a backup into this empty installation -> what was restored; HomeNotEmpty, BackupFailed, DumpFailed."""
    begun = time.monotonic()
    manifest = verify(path)
    marker = Path(settings.NEXUS_HOME) / "run" / "restoring"
    goes_on = marker.exists() and marker.read_text() == manifest["name"]
    stored = [zone for zone in layout.ZONES if next(inventory.walk(zone), None) is not None]
    if not dumps.is_empty() or (stored and not goes_on):
        raise HomeNotEmpty("there is a database, or stored files, already", {"stored": stored})
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text(manifest["name"])
    for blob in backup.listed(path):
        # A copy of its own: a file shared with the backup would be damaged with it.
        with spool.room(blob.size_bytes) as copy:
            shutil.copyfile(path / "blobs" / blob.key, copy)
            if blobs.digest_of(copy) != blob.sha256:
                raise BackupFailed(f"{blob.key} changed while it was read")
            blobs.put_file(blob.key, copy, blob.sha256)
        failpoints.hit("restore.blob")
    connection.close()
    dumps.put_back(path / manifest["database"]["file"])
    failpoints.hit("restore.database")
    marker.unlink()
    told = {name: manifest[name] for name in ("name", "nexus", "files", "bytes", "damaged")}
    return {**told, "seconds": round(time.monotonic() - begun, 3)}


def _same(path: Path, size_bytes: int, sha256: str) -> None:
    try:
        sound = path.stat().st_size == size_bytes and blobs.digest_of(path) == sha256
    except OSError as error:
        raise BackupFailed(f"{path.name} of the backup cannot be read: {error.strerror}") from error
    if not sound:
        raise BackupFailed(f"{path.name} of the backup has other bytes than its manifest says")
