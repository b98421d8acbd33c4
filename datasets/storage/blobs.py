"""Put-once files by key: a reader sees the whole blob or none, and what is there never changes.

In a folder every put is: bytes, fsync, link into place (which refuses an existing name), fsync of the folder. In a
bucket (storage.objects, storage.multipart) it is one conditional put, or parts that become one object at once. The
caller writes its database row after that. A blob put twice with equal bytes is one blob; with others it is an error.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, cast
from uuid import uuid4

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from datasets.storage import faults, layout, spool
from tradenexus import failpoints
from tradenexus.errors import Conflict, NotFound

BLOCK_BYTES = 1 << 20


class BlobConflict(Conflict):
    """Other bytes already rest under this key. Stored content never changes; the write was refused."""

    code = "BLOB_CONFLICT"


class BlobMissing(NotFound):
    """The bytes that the catalog names are not in the storage. Run the storage check; restore from a backup."""

    code = "BLOB_MISSING"


@dataclass(frozen=True, slots=True)
class Blob:
    """One stored file: its key, size and SHA-256 (hex)."""

    key: str
    size_bytes: int
    sha256: str


def put_file(key: str, local_path: Path | str, sha256: str | None = None) -> Blob:
    """Store a finished local file under the key; it must not be written to afterwards.

    On one file system the bytes are shared (hard link), else copied. `sha256` saves hashing when already known.
    Refused with BlobConflict when other bytes rest there; faults of disk or bucket are StorageFull or StorageFailed.
    """
    path = Path(local_path)
    digest = sha256 or digest_of(path)
    blob = Blob(layout.checked(key), path.stat().st_size, digest)
    with faults.named():
        folder = _folder_storage()
        if folder is None:
            _put_remote(blob, path)
        else:
            _put_local(blob, path, Path(folder.path(key)))
    return blob


def put_bytes(key: str, data: bytes) -> Blob:
    """Store bytes under the key, put-once like put_file."""
    with spool.room() as path:
        with faults.named():
            path.write_bytes(data)
        return put_file(key, path, hashlib.sha256(data).hexdigest())


@contextmanager
def local(key: str) -> Iterator[Path]:
    """Give a local path with the blob's bytes, to read only; from object storage a copy for the time of the block.

    StorageFull when there is no room for the copy.
    """
    folder = _folder_storage()
    if folder is not None:
        yield _path_in(folder, key)
        return
    with spool.room(size_bytes(key)) as path:
        with open_blob(key) as source, path.open("r+b") as target, faults.named():
            shutil.copyfileobj(source, target, BLOCK_BYTES)
        yield path


@contextmanager
def readable(key: str) -> Iterator[Path | BinaryIO]:
    """Give what a reader of tables opens: a local path, or a file that asks object storage for the ranges it reads."""
    folder = _folder_storage()
    if folder is not None:
        yield _path_in(folder, key)
        return
    with open_blob(key) as handle:
        yield handle


def address(key: str) -> str:
    """Return where other programs find the blob: an absolute path, or s3://bucket/key."""
    folder = _folder_storage()
    if folder is not None:
        return str(Path(folder.path(layout.checked(key))).absolute())
    from datasets.storage import objects

    place = objects.place(_storage(), layout.checked(key))
    return f"s3://{place.bucket}/{place.key}"


def open_blob(key: str, offset: int = 0, stop: int | None = None) -> BinaryIO:
    """Open the blob for reading, placed at the byte `offset`; BlobMissing when it is not there.

    `stop` says where reading will end, so that object storage is asked for no more.
    """
    storage = _storage()
    if is_bucket(storage):
        from datasets.storage import objects

        with _missing(key, objects.Absent):
            return objects.open_ranged(objects.place(storage, layout.checked(key)), offset, stop)
    with _missing(key, FileNotFoundError):
        handle = cast(BinaryIO, storage.open(layout.checked(key), "rb"))
    handle.seek(offset)
    return handle


def read_range(key: str, start: int, stop: int, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Return the bytes [start, stop) in blocks; BlobMissing at once, not when the first one is asked for."""
    return _blocks(open_blob(key, start, stop), stop - start, block_bytes)


def _blocks(handle: BinaryIO, left: int, block_bytes: int) -> Iterator[bytes]:
    with handle:
        while left > 0 and (block := handle.read(min(block_bytes, left))):
            left -= len(block)
            yield block


def exists(key: str) -> bool:
    """Tell whether bytes rest under the key."""
    try:
        size_bytes(key)
    except BlobMissing:
        return False
    return True


def size_bytes(key: str) -> int:
    """Return the blob's size; BlobMissing when it is not there."""
    storage = _storage()
    if is_bucket(storage):
        from datasets.storage import objects

        with _missing(key, objects.Absent):
            return objects.size_of(objects.place(storage, layout.checked(key)))
    with _missing(key, FileNotFoundError):
        return storage.size(layout.checked(key))


def delete(key: str) -> None:
    """Remove the blob; nothing happens when it is not there. Only garbage collection and refused commits call this."""
    storage = _storage()
    if is_bucket(storage):
        from datasets.storage import objects

        objects.delete(objects.place(storage, layout.checked(key)))
    else:
        storage.delete(layout.checked(key))


def verify(blob: Blob) -> bool:
    """Tell whether the stored bytes still have the blob's size and digest."""
    if not exists(blob.key) or size_bytes(blob.key) != blob.size_bytes:
        return False
    with open_blob(blob.key) as handle:
        return digest_stream(handle) == blob.sha256


def digest_of(path: Path | str) -> str:
    """Return the SHA-256 (hex) of a local file."""
    with open(path, "rb", buffering=0) as handle:
        return digest_stream(handle)


def digest_stream(handle: IO[bytes], on_block: Callable[[bytes], None] | None = None) -> str:
    """Return the SHA-256 (hex) of what is left in the stream, showing each block to `on_block` on the way."""
    digest = hashlib.sha256()
    while block := handle.read(BLOCK_BYTES):
        digest.update(block)
        if on_block:
            on_block(block)
    return digest.hexdigest()


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(path: Path) -> None:
    """Make a folder and its missing parents, each name durable in its parent."""
    missing = [part for part in (path, *path.parents) if not part.exists()]
    for part in reversed(missing):
        part.mkdir(exist_ok=True)
        sync_folder(part.parent)


def _storage() -> Storage:
    return storages["data"]


def _folder_storage() -> FileSystemStorage | None:
    storage = _storage()
    return storage if isinstance(storage, FileSystemStorage) else None


def is_bucket(storage: Any) -> bool:
    """Tell whether a Django storage is a bucket, whose client can do what Django's interface cannot."""
    return hasattr(storage, "bucket_name") and hasattr(storage, "connection")


def _path_in(folder: FileSystemStorage, key: str) -> Path:
    path = Path(folder.path(layout.checked(key)))
    if not path.exists():
        raise BlobMissing("Stored bytes are missing.", {"key": key})
    return path


@contextmanager
def _missing(key: str, absent: type[Exception]) -> Iterator[None]:
    try:
        yield
    except absent as error:
        raise BlobMissing("Stored bytes are missing.", {"key": key}) from error


def _put_local(blob: Blob, source: Path, target: Path) -> None:
    make_folders(target.parent)
    failpoints.hit("storage.begun")
    _sync_file(source)
    failpoints.hit("storage.synced")
    try:
        os.link(source, target)
    except FileExistsError:
        _refuse_other_bytes(blob)
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK}:
            raise
        _copy_into_place(blob, source, target)
    failpoints.hit("storage.linked")
    with contextlib.suppress(PermissionError):
        target.chmod(0o444)
    sync_folder(target.parent)
    failpoints.hit("storage.put")


def _copy_into_place(blob: Blob, source: Path, target: Path) -> None:
    """Copy beside the target, then give it the name; without hard links the name is taken by an exclusive create."""
    temporary = target.with_name(f"tmp-{uuid4().hex}")
    try:
        with source.open("rb") as reader, temporary.open("xb") as writer:
            shutil.copyfileobj(reader, writer, BLOCK_BYTES)
            writer.flush()
            os.fsync(writer.fileno())
        try:
            os.link(temporary, target)
        except FileExistsError:
            _refuse_other_bytes(blob)
        except OSError:
            if target.exists():
                _refuse_other_bytes(blob)
            else:
                temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)


def _put_remote(blob: Blob, source: Path) -> None:
    storage = _storage()
    if exists(blob.key):
        _refuse_other_bytes(blob)
        return
    if is_bucket(storage):
        _put_object(storage, blob, source)
        return
    with source.open("rb") as handle:
        name = storage.save(blob.key, File(handle))
    if name != blob.key:  # somebody else was first: Django's storages then choose another name
        storage.delete(name)
        _refuse_other_bytes(blob)


def _put_object(storage: Storage, blob: Blob, source: Path) -> None:
    from datasets.storage import multipart, objects

    at = objects.place(storage, blob.key)
    try:
        multipart.put_once(at, source, blob.size_bytes)
    except objects.Taken:
        _refuse_other_bytes(blob)
    if (stored := size_bytes(blob.key)) != blob.size_bytes:
        raise faults.StorageFailed(
            "The object storage has another size than was sent.", {"key": blob.key, "storedBytes": stored}
        )


def _refuse_other_bytes(blob: Blob) -> None:
    if not verify(blob):
        raise BlobConflict("Other bytes already rest under this key.", {"key": blob.key})


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
