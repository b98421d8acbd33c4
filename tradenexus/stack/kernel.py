"""What the stack asks of the kernel: children that die with their parent, orphans adopted, whole process trees ended.

Works fully on Linux; elsewhere `die_with_parent` and `adopt_orphans` do nothing and say so by returning False.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterable

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

# Loaded once at import: loading a library between fork and exec could wait for a lock nobody will release.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(signum: int = signal.SIGTERM) -> bool:
    """Ask to receive `signum` when the parent dies; call it in the child, before exec."""
    return _libc is not None and _libc.prctl(PR_SET_PDEATHSIG, int(signum), 0, 0, 0) == 0


def adopt_orphans() -> bool:
    """Become the parent of descendants whose own parent dies, so that they can be found and ended."""
    return _libc is not None and _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def children(pid: int) -> list[int]:
    """Return the ids of the processes whose parent is `pid`, without zombies."""
    return [child for child, parent in _parents() if parent == pid]


def descendants(pid: int) -> list[int]:
    """Return the ids of all processes below `pid`, nearest first, without zombies.

    ValueError for 0 and for a foreign 1: below those stands the whole machine, and what is asked for here is usually
    ended next.
    """
    if pid <= 0 or (pid == 1 and os.getpid() != 1):
        raise ValueError(f"the processes below {pid} are not ours")
    below: dict[int, list[int]] = {}
    for child, parent in _parents():
        below.setdefault(parent, []).append(child)
    found: list[int] = []
    queue = [pid]
    while queue:
        nearest = below.get(queue.pop(0), [])
        found += nearest
        queue += nearest
    return found


def reap() -> dict[int, int]:
    """Collect every ended child of this process; return {pid: exit code}, a negative code names a signal."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)


def send(pids: Iterable[int], signum: int) -> None:
    """Send a signal to each process; one that is gone already is no error. ValueError for 1 and below (groups, all)."""
    for pid in pids:
        if pid <= 1:
            raise ValueError(f"{pid} is not a process of ours")
        try:
            os.kill(pid, signum)
        except ProcessLookupError:
            continue


def end_tree(pid: int, grace_s: float) -> None:
    """End everything below `pid` (this process): SIGTERM, then SIGKILL to what is left after `grace_s` seconds."""
    deadline = time.monotonic() + grace_s
    send(descendants(pid), signal.SIGTERM)
    while (left := descendants(pid)) and time.monotonic() < deadline:
        reap()
        time.sleep(0.05)
    while left:
        # Again and again: a process may fork between the look and the signal.
        send(left, signal.SIGKILL)
        time.sleep(0.02)
        reap()
        left = descendants(pid)
    reap()


def _parents() -> list[tuple[int, int]]:
    pairs = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # The command name stands in brackets and may hold anything: cut after the last one.
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except OSError:
            continue
        if state != b"Z":
            pairs.append((int(name), int(parent)))
    return pairs
