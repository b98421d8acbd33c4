"""The supervisor and its guard on toy processes: readiness, restarts, and an end without orphans whoever dies."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tradenexus.stack import kernel, ports
from tradenexus.stack.home import Home, HomeBusy

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux' parent-death signals")
FAKE = Path(__file__).with_name("fake_stack.py")
ROOT = Path(__file__).resolve().parents[3]


class Toy:
    """A running toy stack and the processes it is made of."""

    def __init__(self, home: Path, mode: str = "") -> None:
        self.home = Home(home)
        self.process = subprocess.Popen(
            [sys.executable, str(FAKE), str(home), mode], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True, preexec_fn=kernel.die_with_parent,
        )  # fmt: skip

    def state(self) -> dict:
        return eventually(lambda: (s := self.home.read_state()) and s.get("ready") and all(s["pids"].values()) and s)

    def worker(self) -> tuple[int, int]:
        """The last worker and its grandchild."""
        path = self.home.run / "worker.pids"
        worker, grandchild = eventually(lambda: path.exists() and path.read_text().split()[-2:])
        return int(worker), int(grandchild)

    def everyone(self) -> list[int]:
        self.worker()
        return [self.process.pid, *kernel.descendants(self.process.pid)]


def eventually(fact, within_s: float = 30.0):
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if value := fact():
            return value
        time.sleep(0.05)
    raise AssertionError("did not become true in time")


def gone(pids) -> bool:
    return not any(alive(pid) for pid in pids)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def toy(tmp_path):
    started = []

    def start(mode: str = "") -> Toy:
        started.append(Toy(tmp_path / "home", mode))
        return started[-1]

    yield start
    for one in started:
        kernel.send([*kernel.descendants(one.process.pid), one.process.pid], signal.SIGKILL)
        one.process.communicate()


def test_stack_comes_up_says_where_and_stops_whole_on_sigterm(toy):
    stack = toy()
    state = stack.state()
    everyone = stack.everyone()
    assert len(everyone) == 5  # guard, supervisor, web, worker, grandchild
    stack.process.send_signal(signal.SIGTERM)
    printed, _ = stack.process.communicate(timeout=30)
    assert stack.process.returncode == 0
    assert f"Trade Nexus is up at {state['url']}/" in printed
    assert f"Sign in once as toy: {state['url']}/once" in printed
    assert stack.home.sign_in_file.read_text() == f"{state['url']}/once\n"
    assert stat.S_IMODE(stack.home.sign_in_file.stat().st_mode) == 0o600
    assert stack.home.api_key_file.read_text() == "nx_toy\n"
    assert stat.S_IMODE(stack.home.api_key_file.stat().st_mode) == 0o600
    assert "nx_toy" not in printed
    assert gone(everyone)
    assert stack.home.read_state() == {}
    assert not stack.home.is_locked()


def test_once_ready_stops_with_success_as_soon_as_it_is_ready(toy):
    stack = toy("once")
    assert stack.process.wait(timeout=30) == 0
    assert not stack.home.is_locked()


@pytest.mark.parametrize("victim", ["guard", "supervisor"])
def test_killing_either_parent_ends_everything(toy, victim):
    stack = toy()
    state = stack.state()
    everyone = stack.everyone()
    os.kill(state["pid"] if victim == "guard" else state["supervisor"], signal.SIGKILL)
    eventually(lambda: gone(pid for pid in everyone if pid != stack.process.pid))
    assert stack.process.wait(timeout=30) != 0
    eventually(lambda: not stack.home.is_locked())


def test_dead_children_are_restarted_and_what_they_left_is_ended(toy):
    stack = toy()
    before = stack.state()["pids"]
    worker, grandchild = stack.worker()
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: not alive(grandchild))
    eventually(lambda: stack.worker()[0] != worker)
    assert stack.state()["pids"]["web"] == before["web"]
    assert stack.state()["restarts"] == {"worker": 1}


def test_restarting_the_server_refuses_no_connection(toy):
    stack = toy()
    state = stack.state()
    port = int(state["url"].rpartition(":")[2])
    os.kill(state["pids"]["web"], signal.SIGKILL)
    assert ports.get(port, "/readyz", timeout_s=30.0) == 200
    assert stack.state()["pids"]["web"] != state["pids"]["web"]


def test_child_that_ignores_sigterm_is_killed(toy):
    stack = toy("stubborn")
    stack.state()
    everyone = stack.everyone()
    stack.process.send_signal(signal.SIGINT)
    assert stack.process.wait(timeout=40) == 0
    assert gone(everyone)


def test_failed_step_stops_the_stack_and_names_the_reason(toy):
    stack = toy("badstep")
    printed, _ = stack.process.communicate(timeout=30)
    assert stack.process.returncode == 1
    assert "the step 'broken' failed (1)" in printed
    assert "no such table" in printed


def test_second_stack_on_the_same_home_is_refused(toy):
    stack = toy()
    url = stack.state()["url"]
    with pytest.raises(HomeBusy, match=url):
        stack.home.lock()
    second = subprocess.run(
        [sys.executable, "-m", "tradenexus.stack", "up", "--home", str(stack.home.root)],
        capture_output=True, text=True, cwd=ROOT, timeout=30, check=False,
    )  # fmt: skip
    assert second.returncode == 3
    assert "already running" in second.stderr


def test_stop_command_ends_the_running_stack(toy):
    stack = toy()
    stack.state()
    everyone = stack.everyone()
    command = [sys.executable, "-m", "tradenexus.stack", "stop", "--home", str(stack.home.root)]
    # The guard is a zombie until this test collects it, so look at the rest.
    assert subprocess.run(command, capture_output=True, cwd=ROOT, timeout=60, check=False).returncode == 0
    assert gone(everyone)


def test_supervisor_loads_no_heavy_library():
    script = "import tradenexus.stack.__main__, sys; print(sorted(m for m in sys.modules if '.' not in m))"
    loaded = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert not {"django", "numpy", "pyarrow", "httpx", "asyncio", "subprocess", "logging"} & set(eval(loaded.stdout))
