"""The guard: forks the supervisor, passes signals on, and sweeps up when the supervisor itself is killed.

Whichever of the two dies first, the other one ends the stack: the kernel tells the supervisor about the guard's death
(SIGTERM) and hands the supervisor's orphans to the guard. The lock of the home is held by both.
"""

import os
import signal
import sys
from collections.abc import Callable

from tradenexus.stack import kernel

ORPHAN_GRACE_S = 5.0


def run(supervise: Callable[[], int]) -> int:
    """Run `supervise` in a forked process; return its exit code, 1 when it was killed."""
    kernel.adopt_orphans()
    guard = os.getpid()
    stop = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    # Held back until both sides know what to do with them.
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    pid = os.fork()
    if pid == 0:
        _supervise(supervise, guard, stop)
    for signum in stop:
        signal.signal(signum, lambda *_: kernel.send([pid], signal.SIGTERM))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, stop)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    kernel.end_tree(guard, ORPHAN_GRACE_S)
    return code if code >= 0 else 1


def _supervise(supervise, guard, stop) -> None:
    code = 1
    try:
        kernel.die_with_parent(signal.SIGTERM)
        kernel.adopt_orphans()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stop)
        if os.getppid() == guard:
            code = supervise()
    finally:
        if sys.exc_info()[0]:
            sys.excepthook(*sys.exc_info())
        os._exit(code)
