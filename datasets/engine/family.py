"""Looks after a child and everything it started: how much memory they hold together, and how they are ended.

Members are found through /proc: descendants of the child and, for those whose parent has gone, whoever carries the
child's session. On systems without /proc only the session is known.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")


def resident_bytes(pid: int) -> int:
    """Return the resident memory of `pid` and its descendants, 0 where nothing can be seen."""
    return sum(_resident(each) for each in [pid, *descendants(pid)])


def descendants(pid: int) -> list[int]:
    """Return the ids of all processes started by `pid`, directly or through others that still live."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = _children(waiting.pop())
        found += children
        waiting += children
    return found


def kill(pid: int) -> None:
    """End `pid`, its session and its descendants with SIGKILL, until none of them is left; unknown ids are no error."""
    for _ in range(20):
        members = {*descendants(pid), *_session(pid)} - {os.getpid()}
        for member in [pid, *sorted(members)]:
            _signal(member)
        if not members:
            return


def kill_user(uid: int) -> None:
    """End every process of a uid that only a child and what it started have, until none is left."""
    for _ in range(20):
        members = [int(entry.name) for entry in _PROC.glob("[0-9]*") if _lives_as(entry, uid)]
        for member in members:
            _signal(member)
        if not members:
            return


def _lives_as(entry: Path, uid: int) -> bool:
    try:
        status = (entry / "status").read_text()
    except OSError:
        return False
    return f"\nUid:\t{uid}\t" in status and "\nState:\tZ" not in status


def _signal(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in (_PROC / str(pid) / "task").iterdir():
            found += [int(each) for each in (thread / "children").read_text().split()]
    except OSError:
        return found
    return found


def _session(pid: int) -> list[int]:
    """Return living members of the session `pid` leads (zombies are dead already and wait for their parent)."""
    found = []
    for entry in _PROC.glob("[0-9]*/stat"):
        try:
            # The command stands in brackets and may itself hold brackets and blanks.
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == pid and fields[0] not in "ZX" and int(entry.parent.name) != pid:
            found.append(int(entry.parent.name))
    return found


def _resident(pid: int) -> int:
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0
