"""What a child of another uid sees of the file system: the code although root's home is closed, our data never.

Called in the child while it is still root and has a mount namespace of its own; nothing of it is seen outside.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Mapping

_RDONLY, _NOSUID, _NODEV, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 32, 0x1000, 0x4000, 1 << 18


def arrange(libc: ctypes.CDLL, hide: Iterable[str], reveal: Mapping[str, Iterable[str]]) -> None:
    """Cover each folder of `hide`; cover each closed folder of `reveal` and put the code named there back, to read."""
    _mount(libc, None, "/", None, _REC | _PRIVATE)
    for folder in hide:
        if os.path.isdir(folder):
            _cover(libc, folder, "0")
    for folder, paths in reveal.items():
        _reveal(libc, folder, list(paths))


def _reveal(libc: ctypes.CDLL, folder: str, paths: list[str]) -> None:
    # Opened before the cover hides them.
    opened = {path: os.open(path, os.O_PATH) for path in paths}
    _cover(libc, folder, "755")
    for path, descriptor in opened.items():
        _place(path, descriptor)
        _mount(libc, f"/proc/self/fd/{descriptor}", path, None, _BIND | _REC)
        _mount(libc, None, path, None, _BIND | _REMOUNT | _RDONLY | _NOSUID | _NODEV)
        os.close(descriptor)
    _mount(libc, None, folder, None, _REMOUNT | _RDONLY | _NOSUID | _NODEV)


def _place(path: str, descriptor: int) -> None:
    if os.path.isdir(f"/proc/self/fd/{descriptor}"):
        os.makedirs(path, mode=0o755, exist_ok=True)
        return
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))


def _cover(libc: ctypes.CDLL, folder: str, mode: str) -> None:
    _mount(libc, "tmpfs", folder, "tmpfs", _NOSUID | _NODEV, f"size=1m,mode={mode}")


def _mount(
    libc: ctypes.CDLL, source: str | None, target: str, kind: str | None, flags: int, data: str | None = None
) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    if libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]) != 0:
        raise OSError(ctypes.get_errno(), "mount", target)
