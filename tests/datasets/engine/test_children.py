"""A child answers, or ends in one named way; whatever it started is gone either way."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from datasets.engine import children, family, handover
from datasets.engine.children import ChildCancelled, ChildFailed, Limits
from datasets.engine.surroundings import environment

SMALL = Limits(memory_bytes=300 << 20, cpu_s=2, wall_s=20, file_bytes=8 << 20, open_files=64)


def run(name, params=None, *, limits=SMALL, **more):
    return children.run(f"tests.kit.childtasks:{name}", params or {}, limits=limits, **more)


def fail(name, params=None, **more):
    with pytest.raises(ChildFailed) as caught:
        run(name, params, **more)
    return caught.value


def test_result_and_messages_come_back():
    said = []
    assert run("echo", {"a": [1, "x"]}, on_message=said.append) == {"params": {"a": [1, "x"]}}
    assert said == [{"phase": "echo", "done": 1, "total": 1}]


def test_many_messages_arrive_in_order():
    said = []
    assert run("chatter", {"count": 5000}, on_message=said.append) == {"said": 5000}
    assert [each["done"] for each in said] == list(range(5000))


def test_a_refusal_keeps_its_code_status_and_details():
    failed = fail("refuse")
    assert (failed.code, failed.status, failed.message) == ("NOT_FOUND", 404, "no such thing")
    assert failed.details == {"name": "x"}


@pytest.mark.parametrize(("task", "number"), [("segfault", "SIGSEGV"), ("abort", "SIGABRT")])
def test_a_crash_is_named_by_its_signal(task, number):
    failed = fail(task)
    assert failed.code == "READER_CRASHED"
    assert failed.details["signal"] == number


def killing(path, kills):
    """Kill the child from outside each time it has started, as the kernel does for want of memory."""
    others = set(family.descendants(os.getpid()))  # servers of other tests
    for number in range(1, kills + 1):
        while not path.exists() or len(path.read_text().splitlines()) < number:
            time.sleep(0.02)
        started = [pid for pid in family.descendants(os.getpid()) if pid not in others]
        os.kill(started[0], signal.SIGKILL)


@pytest.fixture
def killer(tmp_path):
    path, threads = tmp_path / "starts", []

    def start(kills):
        threads.append(threading.Thread(target=killing, args=(path, kills)))
        threads[0].start()
        return {"path": handover.writes(tmp_path, path.name)}

    yield start
    threads[0].join()


def test_a_child_killed_from_outside_is_started_again(killer):
    assert run("wait_for_the_third", killer(2)) == {"starts": 3}


def test_a_child_killed_every_time_is_not_blamed_on_the_file(killer):
    failed = fail("wait_for_the_third", {**killer(3), "good": 4})
    assert (failed.code, failed.status) == ("READER_KILLED", 503)


def test_a_bug_in_the_task_is_a_crash_with_its_last_words():
    failed = fail("bug")
    assert failed.code == "READER_CRASHED"
    assert "a plain bug" in failed.details["lastWords"]


@pytest.mark.parametrize("task", ["quit_silently", "lose_pipe", "say_garbage"])
def test_an_end_without_an_answer_is_a_crash(task):
    assert fail(task).code == "READER_CRASHED"


@pytest.mark.parametrize("task", ["hang", "hang_deaf"])
def test_a_hanging_task_meets_the_wall_clock(task):
    assert fail(task, limits=Limits(wall_s=1)).code == "TIME_LIMIT"


def test_a_spinning_task_meets_its_processor_time():
    assert fail("spin", limits=Limits(cpu_s=1, wall_s=30)).code == "TIME_LIMIT"


@pytest.mark.parametrize("task", ["hoard", "hoard_in_grandchild", "hoard_arrow"])
def test_a_hoarding_task_meets_its_memory_limit(task):
    assert fail(task).code == "MEMORY_LIMIT"


def test_too_large_an_output_is_named(tmp_path):
    assert fail("write_much", {"path": handover.writes(tmp_path, "much")}).code == "OUTPUT_LIMIT"


def test_open_files_are_limited():
    assert run("open_many")["opened"] < 64


def test_what_a_library_prints_is_not_taken_for_an_answer():
    assert run("print_noise") == {"honest": True}


def test_cancelling_ends_the_child():
    with pytest.raises(ChildCancelled):
        run("hang", cancelled=lambda: True)


def test_an_error_in_a_callback_ends_the_child():
    def refuse(message):
        raise RuntimeError("lease lost")

    before = set(family.descendants(os.getpid()))  # servers of other tests
    with pytest.raises(RuntimeError, match="lease lost"):
        run("hang", on_message=refuse)
    assert set(family.descendants(os.getpid())) <= before


@pytest.mark.parametrize("detached", [False, True])
def test_grandchildren_go_with_the_child(tmp_path, detached):
    if detached and not children.capabilities()["pid_namespace"]:
        pytest.skip("no process namespace here: a grandchild that leaves the session is not found")
    path = tmp_path / "alive"
    run("leave_grandchild", {"path": handover.writes(tmp_path, "alive"), "detached": detached})
    size = path.stat().st_size
    time.sleep(0.2)
    assert path.stat().st_size == size


def test_a_killed_parent_leaves_no_child(tmp_path):
    if not children.capabilities()["pid_namespace"]:
        pytest.skip("no process namespace here: what the child itself started may outlive a killed parent")
    path = tmp_path / "alive"
    code = (
        "import sys; from datasets.engine import children, handover\n"
        "path = handover.writes(sys.argv[1], 'alive')\n"
        "children.run('tests.kit.childtasks:leave_grandchild_and_hang', {'path': path})"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    while not path.exists() or not path.stat().st_size:
        time.sleep(0.02)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    time.sleep(0.3)
    size = path.stat().st_size
    time.sleep(0.3)
    assert path.stat().st_size == size


def test_the_child_sees_no_environment_descriptor_or_network_of_ours(monkeypatch):
    monkeypatch.setenv("NEXUS_SECRET_KEY", "canary")
    with socket.create_server(("127.0.0.1", 0)) as server, open(os.devnull) as ours:
        os.set_inheritable(ours.fileno(), True)
        seen = run("look_around", {"port": server.getsockname()[1]})
    assert set(seen["environment"]) == set(environment())
    assert len(seen["descriptors"]) <= 5
    held = children.capabilities()
    assert seen["connected"] is not held["network_off"]
    assert seen["no_new_privs"] == held["no_new_privs"]
    assert not held["privileges_dropped"] or int(seen["capabilities"], 16) == 0


def test_a_passed_descriptor_can_be_read(tmp_path):
    path = tmp_path / "raw"
    path.write_text("hello")
    with children.open_read_only(path) as file:
        path.unlink()
        params = {"path": f"/proc/self/fd/{file.fileno()}"}
        assert run("read_descriptor", params, pass_fds=[file.fileno()]) == {"text": "hello"}


def test_capabilities_say_what_is_on_and_why_not():
    held = children.capabilities()
    assert held["limits"] is True
    assert all(held[name] or name in held["notes"] for name in ("network_off", "pid_namespace", "own_uid"))


def test_a_zero_byte_in_an_answer_arrives_as_what_can_be_stored():
    said = []
    answer = run("echo", {"a\0b": "\0\0", "c": "\\u0000", "d": "\\\0"}, on_message=said.append)
    assert answer == {"params": {"a\ufffdb": "\ufffd\ufffd", "c": "\\u0000", "d": "\\\ufffd"}}
