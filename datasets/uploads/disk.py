"""The file of one upload: room reserved ahead, one writer at a time, and what the kernel offers to make writes durable.

The writer's right is a lock (flock) on the file itself, so it ends with its process. A newer writer asks for it by
touching the file `want` beside; the holder looks at it when its own client has gone quiet.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from uuid import UUID

from datasets.storage import blobs, layout

_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE: the size stays the count of bytes written, which a restart relies on
_PUNCH_HOLE = 2  # FALLOC_FL_PUNCH_HOLE
_SYNC_WRITE = 2  # SYNC_FILE_RANGE_WRITE: start writing back, do not wait
_NOT_OFFERED = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@cache
def boot_id() -> str:
    """Return the running kernel's id, or "" where there is none: equal ids mean the page cache survived."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def data_path(upload_id: UUID) -> Path:
    """Return the path of the upload's bytes."""
    return layout.upload_dir(upload_id) / "data"


def create(upload_id: UUID, length: int) -> None:
    """Make the upload's file, empty, with room for `length` bytes, its name durable. OSError when the disk is full."""
    path = data_path(upload_id)
    blobs.make_folders(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        reserve(descriptor, length)
    except OSError:
        remove(upload_id)
        raise
    finally:
        os.close(descriptor)
    blobs.sync_folder(path.parent)


def remove(upload_id: UUID) -> None:
    """Remove the upload's folder and all in it; nothing happens when it is gone already."""
    shutil.rmtree(layout.upload_dir(upload_id), ignore_errors=True)


def reserve(descriptor: int, length: int) -> None:
    """Set room aside on the disk without changing the file's size; where the file system cannot, do nothing."""
    allocate = getattr(_libc(), "fallocate64", None) or getattr(_libc(), "fallocate", None)
    if allocate is None or length <= 0:
        return
    allocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong]
    if allocate(descriptor, _KEEP_SIZE, 0, length) != 0:
        code = ctypes.get_errno()
        if code not in _NOT_OFFERED:
            raise OSError(code, os.strerror(code))


def let_go(upload_id: UUID, stop: int) -> None:
    """Give the room of the file's bytes before `stop` back to the disk: they read as zeros then, the size stays.

    Where the file system cannot, they stay.
    """
    punch = getattr(_libc(), "fallocate64", None) or getattr(_libc(), "fallocate", None)
    if punch is None or stop <= 0:
        return
    punch.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong]
    descriptor = os.open(data_path(upload_id), os.O_RDWR)
    try:
        punch(descriptor, _PUNCH_HOLE | _KEEP_SIZE, 0, stop)
    finally:
        os.close(descriptor)


def start_writeback(descriptor: int, offset: int, size: int) -> None:
    """Ask the kernel to begin writing this range back, so that the sync at the leaf's end waits less."""
    sync_range = getattr(_libc(), "sync_file_range", None)
    if sync_range is not None:
        sync_range.argtypes = [ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong, ctypes.c_uint]
        sync_range(descriptor, offset, size, _SYNC_WRITE)


def write_all(descriptor: int, parts: Sequence[bytes | memoryview], offset: int) -> None:
    """Write the parts one after another at the offset; OSError leaves a prefix of them written."""
    rest = [memoryview(part) for part in parts if len(part)]
    while rest:
        written = os.pwritev(descriptor, rest, offset)
        offset += written
        while rest and written >= len(rest[0]):
            written -= len(rest[0])
            del rest[0]
        if written:
            rest[0] = rest[0][written:]


def copy(source: int, at: int, target: int, offset: int, block: bytes) -> None:
    """Write a block, just read from `source` at `at`, to the target: by the kernel, which may share it, if it can."""
    done = 0
    try:
        while done < len(block):
            moved = os.copy_file_range(source, target, len(block) - done, at + done, offset + done)
            if not moved:
                break
            done += moved
    except OSError as error:
        if error.errno not in _NOT_OFFERED | {errno.EXDEV, errno.EPERM}:
            raise
    if done < len(block):
        write_all(target, [memoryview(block)[done:]], offset + done)
    start_writeback(target, offset, len(block))


def try_lock(upload_id: UUID, *, make: bool = False) -> int | None:
    """Return a locked descriptor of the upload's file, or None while another holds it; FileNotFoundError when gone."""
    flags = os.O_RDWR | (os.O_CREAT if make else 0)
    descriptor = os.open(data_path(upload_id), flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def ask_holder(upload_id: UUID) -> None:
    """Ask whoever holds the lock to let go when its client is quiet."""
    path = data_path(upload_id).with_name("want")
    try:
        path.touch()
    except FileNotFoundError:
        return


def wanted_at(upload_id: UUID) -> int:
    """Return when the lock was last asked for (ns of the file's clock), 0 when never."""
    try:
        return data_path(upload_id).with_name("want").stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def received(upload_id: UUID) -> int:
    """Return how many bytes the file holds, durable or not; -1 when it is gone."""
    try:
        return data_path(upload_id).stat().st_size
    except FileNotFoundError:
        return -1
