"""The supervisor: runs the first-run steps, keeps the children alive, and stops everything as a whole.

It sleeps until a signal arrives or something is due. The web socket is its own: it outlives every web process.
"""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tradenexus.stack import child, kernel, ports
from tradenexus.stack.child import Child
from tradenexus.stack.home import Home, write_private
from tradenexus.stack.plan import Plan, Step

STOP_GRACE_S = 10.0
READY_WITHIN_S = 120.0
Printer = Callable[[str], None]


class StepFailed(Exception):
    """A first-run step ended with an error; its output names the reason."""


class Stopped(Exception):
    """Somebody asked the stack to stop."""


class Supervisor:
    """One running stack on one home."""

    def __init__(self, home: Home, plan: Plan, web: socket.socket, say: Printer = print) -> None:
        self.home, self.plan, self.web, self.say = home, plan, web, say
        self.port = web.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.children: list[Child] = []
        self.ready = False
        self.user = self.sign_in = ""
        self._stopping = False
        self._ended: dict[int, int] = {}
        self._trimmed = 0.0
        self._wake = self._listen_for_signals()

    def run(self, once_ready: bool = False) -> int:
        """Run until told to stop (0), until ready when `once_ready`, or until it cannot go on (1)."""
        try:
            self._keep(self._prepare())
            self._start()
            self._wait_ready()
            self._greet()
            while not once_ready:
                self._tick(5.0)
            return 0
        except Stopped:
            return 0
        except StepFailed as error:
            self.say(f"Stopped: {error}")
            return 1
        finally:
            self._stop()

    # ------------------------------------------------------------------ first run

    def _prepare(self) -> dict[str, str]:
        outputs = {}
        for stage in self.plan.stages:
            running = {step: self._begin(step) for step in stage}
            for step, (pid, path) in running.items():
                outputs[step.name] = self._end(step, pid, path)
        return {name: text for name, text in outputs.items() if text}

    def _begin(self, step: Step) -> tuple[int, Path]:
        path = self.home.run / f"step-{step.name.replace(' ', '-')}.out"
        path.unlink(missing_ok=True)
        return child.spawn(step.argv, self.plan.env, path), path

    def _end(self, step: Step, pid: int, path: Path) -> str:
        while pid not in self._ended:
            self._tick(1.0)
        text = path.read_text(errors="replace")
        path.unlink()
        if code := self._ended.pop(pid):
            raise StepFailed(f"the step '{step.name}' failed ({code}):\n{text.strip()}")
        return text if step.keep_output else ""

    # ------------------------------------------------------------------ the children

    def _start(self) -> None:
        fd = self.web.fileno()
        web = Child("web", [*self.plan.web, str(fd)], self.plan.env, self.home.logs / "web.log", keep=(fd,))
        others = [
            Child(name, argv, {**self.plan.env, **self.plan.only_for.get(name, {})}, self.home.logs / f"{name}.log")
            for name, argv in self.plan.services.items()
        ]
        self.children = [web, *others]
        for one in self.children:
            one.start()
        self._write_state()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while ports.get(self.port, "/readyz", timeout_s=5.0) != 200:
            if time.monotonic() > deadline:
                raise StepFailed(f"not ready after {READY_WITHIN_S:.0f} s; the logs are in {self.home.logs}")
            self._tick(0.15)
        self.ready = True
        self._write_state()

    def _tick(self, timeout_s: float) -> None:
        select.select([self._wake], [], [], timeout_s)
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)
        if self._stopping:
            raise Stopped
        self._ended.update(kernel.reap())
        if self.children:
            changed = [self._revive(one) for one in self.children]
            self._ended.clear()  # the rest were strays
            if any(changed):
                self._write_state()
        self._trim_logs()

    def _revive(self, one: Child) -> bool:
        if one.pid in self._ended:
            code = self._ended.pop(one.pid)
            self._end_strays()
            self.say(f"{one.name} ended ({code}); starting it again in {one.ended():.1f} s")
            return True
        if one.due():
            one.start()
            return True
        return False

    def _end_strays(self) -> None:
        # What a dead child left behind has become ours (we adopt orphans): it must not work beside the successor.
        mine = {one.pid for one in self.children}
        for pid in set(kernel.children(os.getpid())) - mine:
            kernel.send([*kernel.descendants(pid), pid], signal.SIGKILL)

    def _trim_logs(self) -> None:
        if time.monotonic() - self._trimmed > 60:
            self._trimmed = time.monotonic()
            for one in self.children:
                self.home.trim_log(one.name)

    # ------------------------------------------------------------------ the end

    def _stop(self) -> None:
        self._stopping = False  # a second signal does not cut the orderly end short
        names = {one.pid: one.name for one in self.children if one.pid}
        first = [pid for pid, name in names.items() if name != "lona"]
        kernel.send(first, signal.SIGTERM)
        deadline = time.monotonic() + STOP_GRACE_S
        while time.monotonic() < deadline and set(first) & set(kernel.descendants(os.getpid())):
            kernel.reap()
            time.sleep(0.05)
        kernel.end_tree(os.getpid(), grace_s=2.0)
        self.home.state_file.unlink(missing_ok=True)
        self.web.close()

    # ------------------------------------------------------------------ what it tells

    def _write_state(self) -> None:
        pids = {one.name: one.pid for one in self.children}
        restarts = {one.name: one.restarts for one in self.children if one.restarts > 0}
        self.home.write_state(
            {
                "url": self.url,
                "ready": self.ready,
                "pid": os.getppid(),
                "supervisor": os.getpid(),
                "pids": pids,
                "restarts": restarts,
                "lona": self.plan.env.get("LONA_GATEWAY_URL", ""),
            }
        )

    def _keep(self, outputs: dict[str, str]) -> None:
        """Keep what the steps made, before the state says that all is ready: who reads that needs the new key."""
        for text in outputs.values():
            made = json.loads(text[text.index("{") :])
            # Kept for the command line on this machine; the next start makes a new one and revokes this.
            write_private(self.home.api_key_file, made["key"] + "\n")
            self.user, self.sign_in = made["user"], f"{self.url}{made['loginPath']}"
            write_private(self.home.sign_in_file, self.sign_in + "\n")

    def _greet(self) -> None:
        self.say(f"Trade Nexus is up at {self.url}/   data: {self.home.root}")
        if self.sign_in:
            self.say(f"Sign in once as {self.user}: {self.sign_in}")
            self.say(f"API key: {self.home.api_key_file}   logs: {self.home.logs}")
        self.say("Stop it with Ctrl-C, or from elsewhere with: python -m tradenexus.stack stop")

    def _listen_for_signals(self) -> socket.socket:
        reader, writer = socket.socketpair()
        reader.setblocking(False)
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        self._writer = writer  # kept: the signal handler writes to its descriptor
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, self._on_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        return reader

    def _on_stop(self, *_) -> None:
        self._stopping = True


def say(text: str) -> None:
    """Print a line now; a closed terminal does not end the stack."""
    try:
        print(text, flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - lives as long as the process
