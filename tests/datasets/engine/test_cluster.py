"""Work at a Dask cluster: the same answers, errors and ends as in children of our own, also when a worker is killed."""

import threading
import time
from pathlib import Path

import pytest

from datasets.engine import cluster, executor, handover
from datasets.engine.children import ChildCancelled, ChildFailed, Limits
from tests.kit.cluster import Cluster

SMALL = Limits(memory_bytes=300 << 20, cpu_s=10, wall_s=60)


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("dask"), 2) as running:
        yield running


def run(compute, name, shares, on_message=lambda number, said: None, cancelled=lambda: False):
    task = f"tests.kit.childtasks:{name}"
    return executor.run(compute, task, shares, limits=SMALL, on_message=on_message, cancelled=cancelled)


def test_answers_come_in_order_and_messages_in_the_callers_thread(dask):
    said = []
    shares = [{"a": number} for number in range(3)]
    told = run(dask.compute, "echo", shares, lambda number, message: said.append((number, threading.current_thread())))
    assert told == [{"params": share} for share in shares]
    assert {thread for _, thread in said} <= {threading.current_thread()}


def test_a_failing_child_is_told_as_here(dask):
    with pytest.raises(ChildFailed) as caught:
        run(dask.compute, "sleep_or_crash", [{"seconds": 60}, {"seconds": 0}])
    assert (caught.value.code, caught.value.status) == ("READER_CRASHED", 422)


def test_cancelling_ends_all(dask):
    began = time.monotonic()
    with pytest.raises(ChildCancelled):
        run(dask.compute, "sleep_or_crash", [{"seconds": 60}] * 2, cancelled=lambda: time.monotonic() - began > 3)
    assert run(dask.compute, "echo", [{}, {}]) == [{"params": {}}] * 2  # both workers are free again
    assert time.monotonic() - began < 50


def test_each_attempt_writes_in_a_folder_of_its_own(dask, tmp_path):
    room = tmp_path / "room"
    room.mkdir()
    (told,) = run(dask.compute, "write_file", [{"out_dir": handover.writes(room)}])
    made = Path(told["path"])
    assert made.parent.parent == room
    assert made.parent.name.startswith("attempt-")
    assert made.is_file()


def test_nobody_at_the_address_is_said_and_tried_again_later():
    with pytest.raises(cluster.ComputeUnavailable) as caught:
        run("dask://127.0.0.1:9", "echo", [{}])
    assert caught.value.details["retryAfterSeconds"] > 0


def test_a_worker_that_is_killed_is_replaced_by_another(tmp_path):
    with Cluster(tmp_path / "own", 2) as own:
        told, done = [], threading.Event()

        def work():
            told.extend(run(own.compute, "nap", [{"seconds": 4, "number": number} for number in range(2)]))
            done.set()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        time.sleep(2)
        own.kill_worker(0)
        assert done.wait(60)
        assert [each["number"] for each in told] == [0, 1]


@pytest.mark.parametrize("raw", ["dask://", "dask://host", "tcp://host:1", "DASK", "dask://host:port"])
def test_another_setting_is_refused_by_name(monkeypatch, raw):
    from tradenexus import env

    monkeypatch.setenv("NEXUS_COMPUTE", raw)
    with pytest.raises(env.SettingInvalid, match="NEXUS_COMPUTE"):
        env.compute("NEXUS_COMPUTE")
