"""Children are forks of a process that has the libraries loaded: quick to start, as confined, and as sure to end."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from datasets.engine import children, forkserver, handover, starting
from datasets.engine.children import ChildFailed


def run(name, params=None, **more):
    return children.run(f"tests.kit.childtasks:{name}", params or {}, **more)


def server():
    """The id of the process that forks now."""
    run("echo")
    return starting._servers._current.process.pid


def test_children_are_forks_of_one_process():
    first = server()
    assert server() == first
    command = Path(f"/proc/{first}/cmdline").read_text().split("\0")
    assert "datasets.engine.forkserver" in command


def test_the_server_keeps_one_thread_and_loads_what_its_children_need():
    pid = server()
    with pytest.raises(ChildFailed):
        children.run("datasets.lake.building:build", {})  # refused for want of params, after its module was loaded
    assert starting._servers._current.process.pid == pid
    assert len(os.listdir(f"/proc/{pid}/task")) == 1
    assert "libarrow" in Path(f"/proc/{pid}/maps").read_text()


def test_a_server_in_which_a_library_has_started_a_thread_starts_programs():
    pid = server()
    assert children.run("tests.kit.threaded:look", {})["program"] == "datasets.engine.child"
    assert len(os.listdir(f"/proc/{pid}/task")) == 2
    assert run("echo", {"a": 1}) == {"params": {"a": 1}}
    os.kill(pid, signal.SIGKILL)  # the tests after this one get one without


def test_a_crash_retires_the_server_and_leaves_its_other_children_alone():
    before, answers = server(), []
    beside = threading.Thread(target=lambda: answers.append(run("nap", {"seconds": 1.5})))
    beside.start()
    time.sleep(0.5)
    with pytest.raises(ChildFailed, match="SIGSEGV"):
        run("segfault")
    assert server() != before
    beside.join()
    assert answers == [{"seconds": 1.5}]
    ended_at = time.monotonic() + 5
    while os.path.exists(f"/proc/{before}") and time.monotonic() < ended_at:
        time.sleep(0.02)
    assert not os.path.exists(f"/proc/{before}")


def test_children_of_a_killed_server_are_started_again(tmp_path):
    pid = server()
    path = tmp_path / "starts"

    def kill():
        while not path.exists():
            time.sleep(0.02)
        os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    assert run("wait_for_the_third", {"path": handover.writes(tmp_path, path.name), "good": 2}) == {"starts": 2}
    killer.join()
    assert server() != pid


def test_a_server_that_ended_meanwhile_is_replaced():
    pid = server()
    os.kill(pid, signal.SIGKILL)
    assert run("echo", {"a": 1}) == {"params": {"a": 1}}
    assert server() != pid


def test_a_server_that_is_stopped_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(starting, "_PATIENCE_S", 0.5)
    pid = server()

    def stop():
        os.kill(pid, signal.SIGSTOP)
        return True

    with pytest.raises(children.ChildCancelled):
        run("hang", cancelled=stop)
    monkeypatch.setattr(starting, "_PATIENCE_S", 20)
    second = server()
    os.kill(second, signal.SIGSTOP)
    monkeypatch.setattr(starting, "_PATIENCE_S", 5)
    assert run("echo", {"a": 1}) == {"params": {"a": 1}}
    assert pid != second != server()


def test_an_idle_server_ends():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        began = time.monotonic()
        forkserver.Server(theirs, idle_s=0.2).serve()
        assert 0.2 <= time.monotonic() - began < 5


def test_a_server_ends_with_the_process_that_started_it():
    code = (
        "import os, sys; sys.path.insert(0, os.getcwd())\n"
        "from datasets.engine import children, starting\n"
        "children.run('tests.kit.childtasks:echo', {})\n"
        "print(starting._servers._current.process.pid, flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    ended_at = time.monotonic() + 5
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < ended_at:
        time.sleep(0.02)
    assert not os.path.exists(f"/proc/{pid}") or "State:\tZ" in Path(f"/proc/{pid}/status").read_text()


def test_a_fork_of_ours_has_a_server_of_its_own():
    pid = server()
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        found = b"0"
        try:
            found = str(server()).encode()
        finally:
            os.write(theirs, found)
            os._exit(0)
    os.close(theirs)
    other = int(os.read(ours, 32))
    os.close(ours)
    os.waitpid(child, 0)
    assert other not in (0, pid)
    assert server() == pid


def test_a_kernel_without_process_descriptors_starts_programs(monkeypatch):
    monkeypatch.delattr(os, "pidfd_open")
    assert run("echo", {"a": 1}) == {"params": {"a": 1}}
    with pytest.raises(ChildFailed, match="SIGSEGV"):
        run("segfault")


def test_an_unknown_module_is_said_by_the_child():
    with pytest.raises(ChildFailed) as caught:
        children.run("datasets.engine.nothing:at_all", {})
    assert "No module named 'datasets.engine.nothing'" in caught.value.details["lastWords"]
