"""The kernel's side: process trees, and no way to reach beyond our own."""

import os
import signal
import subprocess
import sys

import pytest

from tradenexus.stack import kernel

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.parametrize("pid", [-1, 0, 1])
def test_tree_of_the_whole_machine_is_refused(pid):
    with pytest.raises(ValueError, match="not ours"):
        kernel.descendants(pid)


@pytest.mark.parametrize("pid", [-1, 0, 1])
def test_signal_beyond_our_processes_is_refused(pid):
    with pytest.raises(ValueError, match="not a process of ours"):
        kernel.send([pid], 0)


def test_descendants_are_those_below_and_nobody_else():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        assert child.pid in kernel.descendants(os.getpid())
        assert kernel.descendants(child.pid) == []
    finally:
        child.kill()
        child.wait()


def test_signal_to_a_process_that_is_gone_is_no_error():
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    kernel.send([child.pid], signal.SIGTERM)
