"""Staging: one folder a piece of work below NEXUS_HOME/staging, whose files are durable before a row names them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from django.conf import settings

from datasets.storage import blobs


def keep(made: Path, work: str, name: str) -> Path:
    """Move a file into a work's folder, durably, over what an earlier attempt left there; return where it lies."""
    folder = path(work)
    blobs.make_folders(folder)
    descriptor = os.open(made, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    target = folder / name
    os.replace(made, target)
    blobs.sync_folder(folder)
    return target


def path(work: str, name: str = "") -> Path:
    """Return a work's folder, or a file in it."""
    folder = Path(settings.NEXUS_HOME) / "staging" / work
    return folder / name if name else folder


def drop(work: str) -> None:
    """Remove a work's folder."""
    shutil.rmtree(path(work), ignore_errors=True)


def works() -> list[str]:
    """Return the works that have a folder."""
    root = Path(settings.NEXUS_HOME) / "staging"
    return sorted(each.name for each in root.iterdir() if each.is_dir()) if root.is_dir() else []
