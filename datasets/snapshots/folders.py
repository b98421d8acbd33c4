"""Where a snapshot's files are put, and how one gets its name there: whole or not at all.

A folder belongs to one snapshot in one layout: a note says so from the first file on, the manifest at the end. So a
restarted job goes on where it was, and nobody's other files are written over.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings

from datasets.models import Snapshot
from datasets.storage import blobs, faults, layout
from tradenexus.errors import BadRequest, Conflict

SEGMENTS, SINGLE = "segments", "single"
LAYOUTS = (SEGMENTS, SINGLE)
MANIFEST, BEGUN = "manifest.json", "manifest.begun.json"
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._=@+-]{0,99}", re.ASCII)
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.EMLINK}


class FolderRefused(BadRequest):
    """Snapshots are put down below `NEXUS_RUNS_ROOT` in your workspace's folder only, under a plain relative path.

    Name a folder of letters, digits and . _ = @ + - with `/` between, or none: then it goes to the platform's own.
    """

    code = "SNAPSHOT_FOLDER_REFUSED"


class FolderTaken(Conflict):
    """The folder holds files of something else. Name an empty or a new one; nothing in it was touched."""

    code = "SNAPSHOT_FOLDER_TAKEN"


def checked(folder: str) -> str:
    """Return a run folder as given, or empty for the platform's own; FolderRefused otherwise."""
    if not folder:
        return ""
    if not settings.NEXUS_RUNS_ROOT:
        raise FolderRefused("this installation puts snapshots into its own folder only (NEXUS_RUNS_ROOT is not set)")
    parts = folder.split("/")
    if len(parts) > 8 or not all(_PART.fullmatch(part) for part in parts):
        raise FolderRefused(f"{folder[:80]!r} cannot be a run's folder", {"fields": {"folder": [folder[:200]]}})
    return folder


def place_of(snapshot: Snapshot, kind: str, folder: str) -> Path:
    """Return the folder of a layout, made if it is not there; FolderRefused when a link leads out of it."""
    if not folder:
        path = layout.snapshot_dir(snapshot.id) / kind
    else:
        path = _root(snapshot.tenant_id).joinpath(*checked(folder).split("/"))
    with faults.named():
        blobs.make_folders(path)
    base = layout.snapshot_dir(snapshot.id) if not folder else _root(snapshot.tenant_id)
    if path.resolve() != base.resolve() / path.relative_to(base):
        raise FolderRefused("a link in the folder leads elsewhere", {"fields": {"folder": [folder[:200]]}})
    return path


def claim(path: Path, whose: dict[str, str]) -> None:
    """Take an empty folder, or one of the same snapshot and layout; FolderTaken otherwise. Left-over copies go."""
    for name in (MANIFEST, BEGUN):
        with contextlib.suppress(FileNotFoundError):
            if _same(path / name, whose):
                for stray in path.rglob(".putting-*"):
                    stray.unlink(missing_ok=True)
                return
            raise FolderTaken("the folder holds another snapshot", {"folder": str(path)})
    if any(each.name[:9] != ".putting-" for each in path.iterdir()):
        raise FolderTaken("the folder is not empty", {"folder": str(path)})
    put_text(path / BEGUN, whose)


def put_text(path: Path, document: Mapping[str, object]) -> str:
    """Put a JSON document (the same bytes for equal ones) and return its SHA-256."""
    data = json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"
    with faults.named():
        temporary = _temporary(path)
        with temporary.open("xb") as handle:
            handle.write(data)
        _settle(temporary, path)
    return hashlib.sha256(data).hexdigest()


def copy(source: Path, target: Path) -> str:
    """Put a copy of a file under its name, over an earlier one, and return its SHA-256."""
    digest = hashlib.sha256()
    with faults.named():
        blobs.make_folders(target.parent)
        temporary = _temporary(target)
        with source.open("rb") as reader, temporary.open("xb") as writer:
            while block := reader.read(blobs.BLOCK_BYTES):
                digest.update(block)
                writer.write(block)
        _settle(temporary, target)
    return digest.hexdigest()


def link(source: Path, target: Path) -> bool:
    """Give a stored file a second name; False where the file systems do not allow it."""
    with faults.named():
        blobs.make_folders(target.parent)
        if target.exists() and target.samefile(source):
            return True
        temporary = _temporary(target)
        try:
            os.link(source, temporary)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return False
        os.replace(temporary, target)
        blobs.sync_folder(target.parent)
    return True


def _root(tenant_id: UUID) -> Path:
    return Path(settings.NEXUS_RUNS_ROOT) / tenant_id.hex


def _same(path: Path, whose: dict[str, str]) -> bool:
    try:
        told = json.loads(path.read_bytes())
    except ValueError:
        return False
    return isinstance(told, dict) and {name: told.get(name) for name in whose} == whose


def _temporary(path: Path) -> Path:
    return path.with_name(f".putting-{uuid4().hex}")


def _settle(temporary: Path, target: Path) -> None:
    descriptor = os.open(temporary, os.O_RDONLY)
    try:
        os.fchmod(descriptor, 0o444)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(temporary, target)
    blobs.sync_folder(target.parent)
