"""Starts a child process: a fork of this process's fork server, or, where the kernel has none of it, a program anew."""

from __future__ import annotations

import array
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Protocol

from datasets.engine.forkserver import MOST_DESCRIPTORS, TOLD
from datasets.engine.surroundings import environment

_ATTEMPTS = 3
_PATIENCE_S = 60.0  # with a server that does not tell of a child that was wanted, or was ended


class Process(Protocol):
    """What is used of a child: a `subprocess.Popen` of bytes is one."""

    pid: int
    returncode: int | None
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None
    stderr: IO[bytes] | None

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended; subprocess.TimeoutExpired."""


def start(module: str, descriptors: Sequence[int]) -> Process:
    """Start `datasets.engine.child`, which will want `module`, with these descriptors of ours at the same numbers."""
    if hasattr(os, "pidfd_open") and len(descriptors) <= MOST_DESCRIPTORS:
        for _ in range(_ATTEMPTS):
            if forked := _servers.start(module, descriptors):
                return forked
    return subprocess.Popen(
        [sys.executable, "-m", "datasets.engine.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        cwd="/",
        start_new_session=True,
        pass_fds=tuple(descriptors),
    )


class Forked:
    """A child that a fork server started: it is the server's to wait for, which tells us.

    `peak_kib`: the most resident memory that it or one process below it held, once it has ended.
    """

    def __init__(self, server: _Server, told: int, pipes: Sequence[IO[bytes]]):
        self._server, self._told = server, told
        self.stdin: IO[bytes] | None
        self.stdout: IO[bytes] | None
        self.stderr: IO[bytes] | None
        self.stdin, self.stdout, self.stderr = pipes
        self.returncode: int | None = None
        self.pid = self.peak_kib = 0

    def born(self) -> bool:
        """Wait until there is a process; False when the server has gone before that."""
        if not self._told_something(_PATIENCE_S):
            self._server.process.kill()
        self.pid, _ = self._next() or (0, 0)
        if not self.pid:
            for pipe in (self.stdin, self.stdout, self.stderr):
                assert pipe
                pipe.close()
            os.close(self._told)
        return self.pid > 0

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended; subprocess.TimeoutExpired. Without a timeout it was ended before."""
        code = self._look(_PATIENCE_S if timeout is None else timeout)
        if code is None and timeout is None:
            self._server.process.kill()  # stopped or stuck: whoever waits for ever for it would be so too
            code = self._look(None)
        if code is None:
            raise subprocess.TimeoutExpired("child", timeout or 0)
        return code

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and self._told_something(timeout):
            # whoever ended the server has ended its children with it
            self.returncode, self.peak_kib = self._next() or (-signal.SIGKILL, 0)
            os.close(self._told)
            _servers.release(self._server)
        return self.returncode

    def _told_something(self, timeout: float | None) -> bool:
        poll = select.poll()
        poll.register(self._told, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))

    def _next(self) -> tuple[int, int] | None:
        data = os.read(self._told, TOLD.size)
        return TOLD.unpack(data) if data else None


class _Server:
    """A fork server, seen from the process that started it: when the socket is closed it ends."""

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.children = 0
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-m", "datasets.engine.forkserver", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment(),
                cwd="/",
                start_new_session=True,
                pass_fds=(theirs.fileno(),),
            )

    def ask(self, module: str, told: int, ends: Sequence[int], descriptors: Sequence[int]) -> bool:
        """Ask for a child; False when nobody is there."""
        request = json.dumps({"module": module, "targets": [0, 1, 2, *descriptors]}).encode()
        passed = array.array("i", [told, *ends, *descriptors])
        try:
            self.control.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def close(self) -> None:
        """Let it end."""
        self.control.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(1)


class _Servers:
    """The server of this process, and those before it that still have children."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: _Server | None = None
        os.register_at_fork(after_in_child=self._forget)

    def start(self, module: str, descriptors: Sequence[int]) -> Forked | None:
        """Return a child of the current server; None when that has gone, and the next call starts another."""
        pipes = [os.pipe() for _ in range(4)]  # each (read, write): what it tells, and the child's 0, 1 and 2
        told, stdin, stdout, stderr = pipes
        theirs = [stdin[0], stdout[1], stderr[1]]
        with self._lock:
            server = self._current = self._current or _Server()
            asked = server.ask(module, told[1], theirs, descriptors)
            server.children += 1
        for each in (told[1], *theirs):
            os.close(each)
        ends = ((stdin[1], "wb"), (stdout[0], "rb"), (stderr[0], "rb"))
        forked = Forked(server, told[0], [os.fdopen(descriptor, mode) for descriptor, mode in ends])
        if forked.born() and asked:
            return forked
        with self._lock:
            if self._current is server:
                self._current = None
        self.release(server)
        return None

    def release(self, server: _Server) -> None:
        """Note that a child of it has ended."""
        with self._lock:
            server.children -= 1
            over = not server.children and server is not self._current
        if over:
            server.close()

    def _forget(self) -> None:
        """Leave the server to the process that we were forked from."""
        self._lock = threading.Lock()
        if self._current:
            self._current.control.close()
        self._current = None


_servers = _Servers()
