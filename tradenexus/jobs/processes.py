"""Processes of this host: who we are, who is alive, who descends from whom; and dying with one's parent. No Django.

A process is named `place:pid:start`: the place is this host, boot and pid namespace (a pid means something only there),
the start tick tells a process from a later one with the same pid.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import signal
import socket
from pathlib import Path

_PR_SET_PDEATHSIG = 1


@functools.cache
def place() -> str:
    """Return the name of this host, boot and pid namespace."""
    boot, namespace = "", ""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink("/proc/self/ns/pid")
    return hashlib.sha256(f"{socket.gethostname()}|{boot}|{namespace}".encode()).hexdigest()[:16]


def me() -> str:
    """Return the name of the calling process."""
    return _named(os.getpid())


@functools.cache
def _named(pid: int) -> str:
    return f"{place()}:{pid}:{start_of(pid)}"


os.register_at_fork(after_in_child=_named.cache_clear)  # a later process may get the number of one that has ended


def start_of(pid: int) -> int:
    """Return the start tick of a living process, 0 when there is none or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])


def is_gone(name: str) -> bool:
    """Tell whether a named process of this place has certainly ended; False for other places."""
    where, _, rest = name.partition(":")
    pid, _, start = rest.partition(":")
    return where == place() and pid.isdigit() and start_of(int(pid)) != int(start or 0)


def pid_of(name: str) -> int:
    """Return the pid in the name of a process that lives at this place, else 0."""
    return 0 if is_gone(name) or not name.startswith(place()) else int(name.split(":")[1])


def children(pid: int) -> set[int]:
    """Return the living direct children of a process."""
    try:
        threads = [thread.name for thread in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return set()
    found: set[int] = set()
    for thread in threads:
        with contextlib.suppress(OSError):
            found |= {int(word) for word in Path(f"/proc/{pid}/task/{thread}/children").read_text().split()}
    return {child for child in found if start_of(child)}


def tree(pid: int) -> list[int]:
    """Return the process and all its descendants, parents first."""
    found = [pid]
    for known in found:
        found.extend(children(known))
    return found


def kill_tree(pid: int) -> None:
    """Kill a process and all its descendants, at once and for certain."""
    for member in tree(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; call it in the child, first thing after the fork."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def let_forks_die_with_parent() -> None:
    """Have every process that this one and its descendants fork die with the one that forked it."""
    parent = [0]
    os.register_at_fork(
        before=lambda: parent.__setitem__(0, os.getpid()), after_in_child=lambda: die_with_parent(parent[0])
    )
