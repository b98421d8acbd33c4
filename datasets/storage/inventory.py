"""What rests in the storage, whether a row names it or not: a walk over keys, in a folder, a bucket or elsewhere.

Only upkeep lists; reads always name their files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage, storages

from datasets.storage import blobs


@dataclass(frozen=True, slots=True)
class Found:
    """A stored file: key, size, and when it was written or named last (Unix seconds, the storage's clock)."""

    key: str
    size_bytes: int
    at_s: float


def walk(prefix: str) -> Iterator[Found]:
    """Yield what lies below a key prefix (a folder of keys, no trailing slash), in the order of the storage."""
    storage = storages["data"]
    if isinstance(storage, FileSystemStorage):
        yield from _in_folder(Path(storage.location), prefix)
    elif blobs.is_bucket(storage):
        yield from _in_bucket(storage, prefix)
    else:
        yield from _in_other(storage, prefix)


def folders(prefix: str) -> list[str]:
    """Return the names of the folders directly below a prefix, sorted."""
    storage: Any = storages["data"]
    if not blobs.is_bucket(storage):
        try:
            return sorted(storage.listdir(prefix)[0])
        except FileNotFoundError:
            return []
    from datasets.storage import objects

    base = objects.place(storage, prefix).key + "/"
    names: list[str] = []
    with objects.named():
        pages = storage.client.get_paginator("list_objects_v2").paginate(
            Bucket=storage.bucket_name, Prefix=base, Delimiter="/"
        )
        for page in pages:
            names += [each["Prefix"].removeprefix(base).rstrip("/") for each in page.get("CommonPrefixes", [])]
    return sorted(names)


def _in_folder(root: Path, prefix: str) -> Iterator[Found]:
    for folder, inner, names in os.walk(root / prefix):
        inner.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            try:
                known = os.lstat(path)
            except FileNotFoundError:
                continue  # removed while we walk
            # A hard link keeps the time its bytes were written; the change of the inode is when it got this name.
            yield Found(os.path.relpath(path, root), known.st_size, max(known.st_mtime, known.st_ctime))


def _in_bucket(storage: Any, prefix: str) -> Iterator[Found]:
    from datasets.storage import objects

    base = objects.place(storage, prefix).key + "/"
    skipped = len(base) - len(prefix) - 1
    with objects.named():
        pages = storage.client.get_paginator("list_objects_v2").paginate(Bucket=storage.bucket_name, Prefix=base)
        for page in pages:
            for each in page.get("Contents", []):
                yield Found(each["Key"][skipped:], each["Size"], each["LastModified"].timestamp())


def _in_other(storage: Any, prefix: str) -> Iterator[Found]:
    try:
        inner, names = storage.listdir(prefix)
    except FileNotFoundError:
        return
    for name in sorted(names):
        key = f"{prefix}/{name}"
        yield Found(key, storage.size(key), storage.get_modified_time(key).timestamp())
    for folder in sorted(inner):
        yield from _in_other(storage, f"{prefix}/{folder}")
