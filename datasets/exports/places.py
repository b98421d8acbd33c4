"""Where bundles lie, and how one appears: NEXUS_HOME/exports/<workspace>/nightly/YYYY-MM-DD.

That name is a link to a folder in `bundles/`, named by its night and its content and never changed once it has that
name. A bundle is built in `.building-<job>-<attempt>` beside them: renamed when it is whole, then the link is swapped.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings

from datasets.storage import blobs
from tradenexus import failpoints

BUILDING = ".building-"
_FOLDER = re.compile(r"\d{4}-\d\d-\d\d-[0-9a-f]{24}", re.ASCII)


def root(tenant_id: UUID) -> Path:
    """Return the folder of a workspace's bundles."""
    return Path(settings.NEXUS_HOME) / "exports" / tenant_id.hex


def bundle(tenant_id: UUID, folder: str) -> Path:
    """Return the folder of one bundle; ValueError for a name that is not one of ours."""
    if _FOLDER.fullmatch(folder) is None:
        raise ValueError(f"not a bundle's folder: {folder[:64]!r}")
    return root(tenant_id) / "bundles" / folder


def night_link(tenant_id: UUID, night: date) -> Path:
    """Return the name under which a night's bundle is found on the disk."""
    return root(tenant_id) / "nightly" / f"{night}"


def room(tenant_id: UUID, job_ref: str, token: int) -> Path:
    """Make and return the folder in which an attempt builds; what earlier attempts of the job left is removed."""
    folder = root(tenant_id) / "bundles"
    blobs.make_folders(folder)
    for left in folder.glob(f"{BUILDING}{job_ref}-*"):
        shutil.rmtree(left, ignore_errors=True)
    made = folder / f"{BUILDING}{job_ref}-{token}"
    made.mkdir()
    return made


def name_of(night: date, manifest_sha256: str) -> str:
    """Return the name of the folder of a bundle."""
    return f"{night}-{manifest_sha256[:24]}"


def settle(tenant_id: UUID, built: Path, folder: str) -> None:
    """Give a whole, synced bundle its name; the same one that is there already stays, and this copy goes."""
    target = bundle(tenant_id, folder)
    if target.is_dir():
        shutil.rmtree(built)
    else:
        built.rename(target)
    blobs.sync_folder(target.parent)
    failpoints.hit("exports.renamed")


def show(tenant_id: UUID, night: date, folder: str) -> None:
    """Let the night's name lead to the bundle: at one moment, whatever it led to before."""
    link = night_link(tenant_id, night)
    blobs.make_folders(link.parent)
    fresh = link.with_name(f".{link.name}-{uuid4().hex}")
    fresh.symlink_to(Path("..") / "bundles" / folder)
    os.replace(fresh, link)
    blobs.sync_folder(link.parent)
    failpoints.hit("exports.shown")


def remove(tenant_id: UUID, folder: str) -> None:
    """Remove a bundle and the night's name if it leads there; nothing happens when it is gone."""
    target = bundle(tenant_id, folder)
    link = root(tenant_id) / "nightly" / folder[:10]
    with suppress(OSError):
        if os.readlink(link) == f"../bundles/{folder}":
            link.unlink()
    # First out of sight as a whole, so that a half removed bundle is never met.
    gone = target.with_name(f"{BUILDING}gone-{uuid4().hex}")
    with suppress(FileNotFoundError):
        target.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def strays(tenant_id: UUID, known: Iterable[str], before_s: float) -> list[Path]:
    """Return the folders that no row names and that were last changed before a Unix time."""
    folder, named = root(tenant_id) / "bundles", set(known)
    found = []
    for each in folder.iterdir() if folder.is_dir() else []:
        with suppress(FileNotFoundError):
            if each.name not in named and each.lstat().st_mtime < before_s:
                found.append(each)
    return found


def link(source: Path, target: Path) -> None:
    """Let `target` be the file `source`: shared on one file system, else copied; its bytes are durable afterwards."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        sync(target)
    with suppress(PermissionError):
        target.chmod(0o444)


def write(folder: Path, path: str, data: bytes) -> Path:
    """Write one durable file of a bundle."""
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    sync(target)
    return target


def sync(path: Path) -> None:
    """Make a file's bytes durable."""
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def sync_tree(folder: Path) -> None:
    """Make all names below a folder durable."""
    for place, _, _ in os.walk(folder):
        blobs.sync_folder(Path(place))
