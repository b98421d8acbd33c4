"""Forks the children: a process that has the readers' libraries loaded, so that a child starts in milliseconds.

Run as `python -m datasets.engine.forkserver FD` by `datasets.engine.starting`; FD is a socket of packets. Each asks for
one child: {module, targets}, and with it the descriptors: where to tell, then those that the child has at `targets`. It
tells the id of the process, and at its end how that was; a module is loaded here before the first child that needs it.

This process reads no stranger's bytes and has one thread. Children take all protections themselves, after the fork. A
child that crashes retires it: forks share the places of their memory, and whoever wants to learn these by trying gets
each of them once. It ends by itself when it is idle, or with the process that started it, and its children with it.
"""

from __future__ import annotations

import array
import fcntl
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import struct
import sys
import traceback
from contextlib import suppress
from typing import Any, NoReturn

from datasets.engine import arrow, child

IDLE_S = 60.0
MOST_DESCRIPTORS = 200  # the kernel passes 253 in one packet
TOLD = struct.Struct("ii")  # the process and 0, and at its end the exit code and the most it held, in KiB
_PACKET_BYTES = 1 << 16
_PRELOADED = ("numpy", "pyarrow", "pyarrow.compute", "pyarrow.csv", "pyarrow.parquet")
_ENDED_BY_US = {signal.SIGKILL, signal.SIGTERM, signal.SIGXCPU, signal.SIGXFSZ}


class Server:
    """Serves the requests of one control socket until its other end is closed."""

    def __init__(self, control: socket.socket, idle_s: float = IDLE_S):
        self._control, self._idle_s = control, idle_s
        self._running: dict[int, tuple[int, int]] = {}  # by pidfd: the process, and where to tell of it
        self._retired = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)

    def serve(self) -> None:
        """Fork for each request; return when there is nobody to serve, for a while or for good."""
        while self._running or not self._retired:
            ready = self._selector.select(None if self._running else self._idle_s)
            if not ready:
                return
            for key, _ in ready:
                if key.fileobj is not self._control:
                    self._ended(key.fd)
                elif not self._take():
                    return  # the kernel ends the children with us

    def _take(self) -> bool:
        """Serve the next request; False at the end of them."""
        data, ancillary, _, _ = self._control.recvmsg(_PACKET_BYTES, socket.CMSG_SPACE(4 * (MOST_DESCRIPTORS + 4)))
        descriptors = array.array("i")
        for _, _, one in ancillary:
            descriptors.frombytes(one[: len(one) - len(one) % descriptors.itemsize])
        if not data:
            return False
        tell, *others = descriptors
        if self._retired:
            os.close(tell)
        else:
            self._fork(json.loads(data), tell, others)
        for descriptor in others:
            os.close(descriptor)
        return True

    def _fork(self, request: dict[str, Any], tell: int, others: list[int]) -> None:
        with suppress(Exception):  # whatever is wrong with the module, its child will say it
            importlib.import_module(request["module"])
        gc.freeze()
        threads = len(os.listdir("/proc/self/task"))
        pid = os.fork()
        if not pid:
            _become(others, request["targets"], anew=threads > 1)
        handle = os.pidfd_open(pid)
        self._running[handle] = (pid, tell)
        self._selector.register(handle, selectors.EVENT_READ)
        _tell(tell, pid, 0)

    def _ended(self, handle: int) -> None:
        pid, tell = self._running.pop(handle)
        self._selector.unregister(handle)
        os.close(handle)
        _, status, used = os.wait4(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        # 128 and the number: what stood between the child and us passed it on
        number = -code if code < 0 else code - 128 if code > 128 else 0
        self._retired = self._retired or (number > 0 and number not in _ENDED_BY_US)
        _tell(tell, code, used.ru_maxrss)
        os.close(tell)


def _tell(where: int, *numbers: int) -> None:
    with suppress(BrokenPipeError):  # nobody waits for it any more
        os.write(where, TOLD.pack(*numbers))


def _become(descriptors: list[int], targets: list[int], anew: bool) -> NoReturn:
    """Be the child, with these descriptors and no other, in a session of its own.

    `anew`: as a program, because a library has started a thread that may have held a lock at the fork.
    """
    code = 1
    try:
        _keep(descriptors, targets)
        os.setsid()
        if anew:
            os.execv(sys.executable, [sys.executable, "-m", "datasets.engine.child"])  # noqa: S606 - no shell is meant
        code = child.main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        if sys.exc_info()[0]:  # the last words of a program, as the interpreter prints them
            traceback.print_exc()
        os._exit(code)


def _keep(descriptors: list[int], targets: list[int]) -> None:
    above = max(targets) + 1
    moved = [fcntl.fcntl(one, fcntl.F_DUPFD, above) for one in descriptors]
    for number in map(int, os.listdir("/proc/self/fd")):
        if number not in moved:
            with suppress(OSError):  # the listing's own
                os.close(number)
    for one, target in zip(moved, targets, strict=True):
        os.dup2(one, target)
        os.close(one)


def main(descriptor: int) -> None:
    """Load what every child needs, and serve."""
    arrow.alone()
    for name in _PRELOADED:
        importlib.import_module(name)
    Server(socket.socket(fileno=descriptor)).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]))
