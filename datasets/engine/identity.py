"""Whom a child runs as when its parent is root: a uid of its own from a reserved range, held while the child lives.

`missing()` says in words why there is none: a parent that is not root keeps its user for the child as well. The code
itself must be readable to that uid; where a folder above it is closed (a virtual environment in root's home), the child
is shown the code, and only the code, through mounts of its own (`datasets.engine.mounts`).
"""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tradenexus.errors import Unavailable

_ROOT = Path(__file__).resolve().parents[2]
# chown, dac_override, fowner, kill, setgid, setuid: to hand a folder over, to take it back, to end the child.
_NEEDED_CAPABILITIES = (0, 1, 3, 5, 6, 7)
# No distribution and no systemd hands these out (its table of uids says "unused").
_uids = range(60600, 60856)
_home: Path | None = None


class ReadersBusy(Unavailable):
    """Every uid of NEXUS_CHILD_UIDS is in use by a reading process. Try again soon, or reserve a longer range."""

    code = "READERS_BUSY"


@dataclass(frozen=True)
class Identity:
    """What a child becomes before it reads: `hide` is covered, `reveal` maps a closed folder to the code below it."""

    uid: int
    gid: int
    hide: tuple[str, ...]
    reveal: dict[str, list[str]]


def settle(uids: range, home: Path) -> None:
    """Set the reserved uids (none: children keep our user) and the folder that children must not see."""
    global _uids, _home
    _uids, _home = uids, home


def missing() -> str:
    """Return why a child gets no uid of its own, or an empty text when it does."""
    if os.geteuid() != 0 or sys.platform != "linux":
        return "The child keeps the service's user, whose files it must read, but holds no privilege of it."
    if not _uids:
        return "The service runs as root and NEXUS_CHILD_UIDS is empty, so its children are root without privileges."
    if not all(capabilities() >> each & 1 for each in _NEEDED_CAPABILITIES):
        return "The service is a root that may not change users; better start it as a user that is not root."
    if not all(_is_mapped(name) for name in ("uid_map", "gid_map")):
        return f"This container knows no uids {_uids[0]}-{_uids[-1]}: set NEXUS_CHILD_UIDS to some it knows."
    return ""


def home_is_closed() -> bool:
    """Tell whether the folder of our data and secrets is closed to every other user; children may see no cover."""
    return _home is None or not _home.exists() or not _home.stat().st_mode & 0o077


def shut_out() -> str:
    """Return what to do when a child of another uid could not read the code."""
    closed = ", ".join(closed_folders()) or str(_ROOT)
    return f"Another user may not read the code ({closed}): install it where everybody may, or open these folders."


@contextmanager
def taken() -> Iterator[Identity]:
    """Hold a uid that no other process uses; ReadersBusy when there is none. The kernel frees it if we are killed."""
    for uid in _uids:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as held:
            try:
                # A name without a file: two processes cannot have it, and it goes with the one that has.
                held.bind(f"\0nexus-reader-{uid}")
            except OSError:
                continue
            yield Identity(uid, _uids[0], (str(_home),) if _home else (), closed_folders())
            return
    raise ReadersBusy("every uid reserved for reading processes is in use", {"uids": f"{_uids[0]}-{_uids[-1]}"})


def closed_folders() -> dict[str, list[str]]:
    """Return the topmost folders on the way to our code that other users may not enter -> the code below each."""
    found: dict[str, list[str]] = {}
    for path in _code():
        for folder in [*reversed(path.parents)]:
            if folder.exists() and not folder.stat().st_mode & stat.S_IXOTH:
                found.setdefault(str(folder), []).append(str(path))
                break
    return found


def capabilities() -> int:
    """Return the effective capabilities of this process, a bit each."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next((int(line.split()[1], 16) for line in status if line.startswith("CapEff:")), 0)


def _code() -> list[Path]:
    named = {_ROOT, Path(sys.prefix), Path(sys.base_prefix), *(Path(each) for each in sys.path if each)}
    paths = {path for each in named if each.exists() for path in (each.absolute(), each.resolve())}
    return sorted(path for path in paths if not any(parent in paths for parent in path.parents))


def _is_mapped(name: str) -> bool:
    """Tell whether the ids exist here: a container of an ordinary user may know a single one."""
    for line in Path(f"/proc/self/{name}").read_text().splitlines():
        first, _, count = map(int, line.split())
        if first <= _uids[0] and _uids[-1] < first + count:
            return True
    return False
