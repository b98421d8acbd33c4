"""One process of the stack: how it is started, how it is tied to its parent, and when it may be started again.

A child runs in a session of its own, appends what it prints to its log, and gets SIGTERM from the kernel when the
supervisor dies. Restarts wait 0.5 s, doubling to 30 s; ten seconds of good life reset the wait.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tradenexus.stack import kernel

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
GOOD_LIFE_S = 10.0


def spawn(
    argv: Sequence[str], env: Mapping[str, str], output: Path, keep: Sequence[int] = (), cwd: Path | None = None
) -> int:
    """Start `argv` in its own session, output appended to a file, descriptors in `keep` handed on; return its pid."""
    parent = os.getpid()
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    pid = os.fork()
    if pid:
        os.close(descriptor)
        return pid
    try:
        _become(argv, env, descriptor, keep, cwd, parent)
    finally:
        os._exit(127)


class Child:
    """A named process that is kept alive: `start` it, tell it when it `ended`, ask when it is `due` again."""

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str], log: Path, keep: Sequence[int] = ()):
        self.name = name
        self.argv = list(argv)
        self.env = dict(env)
        self.log = log
        self.keep = tuple(keep)
        self.pid: int | None = None
        self.restarts = -1
        self._started = 0.0
        self._wait_s = FIRST_WAIT_S
        self._due = 0.0

    def start(self) -> None:
        """Start the process now."""
        self.pid = spawn(self.argv, self.env, self.log, self.keep)
        self.restarts += 1
        self._started = time.monotonic()

    def ended(self) -> float:
        """Note that the process is gone; return the seconds until it may start again."""
        now = time.monotonic()
        if now - self._started >= GOOD_LIFE_S:
            self._wait_s = FIRST_WAIT_S
        wait_s = self._wait_s
        self._wait_s = min(self._wait_s * 2, LONGEST_WAIT_S)
        self.pid, self._due = None, now + wait_s
        return wait_s

    def due(self) -> bool:
        """Tell whether the process is down and its wait is over."""
        return self.pid is None and time.monotonic() >= self._due


def _become(argv, env, descriptor, keep, cwd, parent) -> None:
    os.setsid()
    kernel.die_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)  # the parent died before the kernel knew our wish
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(signum, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    for kept in keep:
        os.set_inheritable(kept, True)
    if cwd:
        os.chdir(cwd)
    try:
        os.execvpe(argv[0], list(argv), dict(env))  # noqa: S606 - no shell is the point
    except OSError as error:
        print(f"cannot run {argv[0]}: {error}", file=sys.stderr, flush=True)
