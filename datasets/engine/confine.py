"""What a child takes from itself before it touches a stranger's bytes: namespaces, limits, privileges.

Called in the child while it still has one thread. Each protection reports whether it took hold; none is silently
assumed. Needs Linux for namespaces and no-new-privs; elsewhere the limits and the parent's watch remain.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from typing import Any

from datasets.engine import identity, mounts

_NEWUSER, _NEWPID, _NEWNET, _NEWIPC, _NEWNS = 0x10000000, 0x20000000, 0x40000000, 0x08000000, 0x00020000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63
_SETFCAP = 31
# Libraries are mapped, threads reserve stacks: address space that is never resident.
ADDRESS_HEADROOM = 768 << 20


def apply(limits: dict[str, Any], who: dict[str, Any] | None) -> dict[str, bool]:
    """Confine this process for good; return which protections hold. Returns in a fork (see `_enter_pid`).

    `who` (an `engine.identity.Identity`) is whom to become; OSError when that is refused, for the files wait for it.
    """
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    held = {"network_off": False, "pid_namespace": False, "no_new_privs": False, "privileges_dropped": False}
    held["own_uid"] = False
    if libc is not None:
        network = bool(limits.get("network"))
        if who:
            held["network_off"], held["pid_namespace"] = _become(libc, who, network)
            held["own_uid"] = 0 not in {*os.getresuid(), *os.getresgid(), *os.getgroups()}
        else:
            held["network_off"], held["pid_namespace"] = _unshare(libc, network)
        if held["pid_namespace"]:
            _enter_pid(libc)
        held["privileges_dropped"] = _drop_capabilities(libc)
        held["no_new_privs"] = libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    held["limits"] = _limit(limits)
    return held


def _unshare(libc: ctypes.CDLL, network: bool) -> tuple[bool, bool]:
    user, group = os.getuid(), os.getgid()
    net = 0 if network else _NEWNET | _NEWIPC
    if _may_map(user) and libc.unshare(_NEWUSER | _NEWPID | net) == 0:
        _map_ids(user, group)
        return not network, True
    # No user namespaces here: root alone may still leave the network.
    off = bool(net) and libc.unshare(net) == 0
    return off, False


def _may_map(user: int) -> bool:
    """Tell whether our user may be known in a namespace of ours: root only with the right to give files rights."""
    return user != 0 or bool(identity.capabilities() >> _SETFCAP & 1)


def _become(libc: ctypes.CDLL, who: dict[str, Any], network: bool) -> tuple[bool, bool]:
    """Leave root for good. Namespaces come first where root may make them, else of the kind that a user may make."""
    net = 0 if network else _NEWNET | _NEWIPC
    privileged = libc.unshare(_NEWPID | _NEWNS | net) == 0
    if privileged:
        mounts.arrange(libc, who["hide"], who["reveal"])
    _drop_bounding(libc)
    os.setgroups([])
    os.setresgid(*[who["gid"]] * 3)
    os.setresuid(*[who["uid"]] * 3)
    if privileged:
        return not network, True
    # A process that changed its user may not write its own id maps unless it says it may be looked at.
    libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    held = _unshare(libc, network)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return held


def _map_ids(user: int, group: int) -> None:
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _enter_pid(libc: ctypes.CDLL) -> None:
    """Go on as process 2 of a new process namespace: when process 1 goes, the kernel kills whatever is left in it."""
    # When the parent is killed, this one goes, then process 1, and with it everything: no orphan survives a worker.
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    first = os.fork()
    if first:
        _mirror(first)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # Process 1 ignores signals it has not asked for, so a crash of it would look like something else: work in 2.
    second = os.fork()
    if second:
        _mirror(second)


def _mirror(child: int) -> None:
    code = os.waitstatus_to_exitcode(_reap(child))
    os._exit(code if code >= 0 else 128 - code)


def _reap(child: int) -> int:
    """Wait for `child` and whoever is orphaned to us; hold nothing that would keep a pipe of the child's open."""
    devnull = os.open(os.devnull, os.O_RDWR)
    for number in os.listdir("/proc/self/fd"):
        if number.isdigit() and int(number) != devnull:
            try:
                os.dup2(devnull, int(number), inheritable=False) if int(number) < 3 else os.close(int(number))
            except OSError:
                continue
    while True:
        found, status = os.waitpid(-1, 0)
        if found == child:
            return status


def _drop_bounding(libc: ctypes.CDLL) -> None:
    """Give up for good what a program could grant; a user may not, and `no_new_privs` says the same to the kernel."""
    for capability in range(_LAST_CAPABILITY + 1):
        if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            return


def _drop_capabilities(libc: ctypes.CDLL) -> bool:
    _drop_bounding(libc)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    return libc.capset(ctypes.byref(header), ctypes.byref(nothing)) == 0


def _limit(limits: dict[str, Any]) -> bool:
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: int(limits["memory_bytes"]) + ADDRESS_HEADROOM,
        resource.RLIMIT_FSIZE: int(limits["file_bytes"]),
        resource.RLIMIT_NOFILE: int(limits["open_files"]),
    }
    for what, value in wanted.items():
        _lower(what, value, value)
    # One second between the two: SIGXCPU says why, SIGKILL follows if it is not heeded.
    seconds = max(1, int(limits["cpu_s"]))
    _lower(resource.RLIMIT_CPU, seconds, seconds + 1)
    return True


def _lower(what: int, soft: int, hard: int) -> None:
    ceiling = resource.getrlimit(what)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(what, (soft, hard))
