"""`python -m tradenexus.stack demo`: bring up a stack on a free port, or use the one that runs, and tell the story.

Prints each step with its time and a summary table. With `--once` everything stops again; the exit code is 0 only if
every step was true. Otherwise the stack serves on until Ctrl-C.
"""

import os
import signal
import subprocess
import sys
import time

from tradenexus.stack import kernel
from tradenexus.stack.home import Home

READY_WITHIN_S = 150.0
WIDEST = 100


class NotUp(Exception):
    """The stack did not come up; what it printed stands above."""


def run(home: Home, once: bool) -> int:
    """Do it; return the exit code."""
    from tradenexus.stack import story
    from tradenexus.stack.supervisor import say
    from tradenexus.stack.terminal import Nexus

    began = time.monotonic()
    home.make()
    process = None if home.is_locked() else _up(home)
    try:
        state = _ready(home, process)
        nexus = Nexus(state["url"], home.api_key_file.read_text().strip(), home.root / "demo")
        label = story.SANDBOX if "127.0.0.1" in state["lona"] else "Lona"
        up_s = time.monotonic() - began
        tale = story.Story(nexus, home.root / "demo", label)
        told = story.run(tale, say)
        true = len(told) == len(tale.steps()) and all(one[2] for one in told)
        say(_table(told, up_s, true))
        stays = not process or not once
        if true and stays:
            say(_links(state["url"], home.sign_in_file.read_text().strip(), tale.pages()))
        if process and true and stays:
            say("Serving on; Ctrl-C stops everything.")
            process.wait()
        return 0 if true else 1
    except NotUp:
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        _down(process)


def _up(home: Home) -> subprocess.Popen:
    # The stack must not outlive the demo, however that ends.
    command = [sys.executable, "-m", "tradenexus.stack", "up", "--port", "0", "--home", str(home.root)]
    return subprocess.Popen(command, preexec_fn=_tie)  # noqa: S603 - ours, single-threaded


def _tie() -> None:
    kernel.die_with_parent(signal.SIGTERM)
    os.setpgid(0, 0)


def _ready(home: Home, process: subprocess.Popen | None) -> dict:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if process and process.poll() is not None:
            break
        state = home.read_state()
        if state.get("ready") and home.api_key_file.exists():
            return state
        time.sleep(0.1)
    raise NotUp


def _down(process: subprocess.Popen | None) -> None:
    if process and process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _table(told: list[tuple[str, float, bool, str]], up_s: float, true: bool) -> str:
    rows = [("bring the stack up", up_s, True, ""), *told]
    width = max(len(title) for title, *_ in rows)
    lines = ["", f"{'step':{width}}  {'time':>7}  {'result':8}  what came out"]
    for title, seconds, ok, line in rows:
        came = line.split("\n")[0][:WIDEST]
        lines.append(f"{title:{width}}  {seconds:5.1f} s  {'ok' if ok else 'NOT TRUE':8}  {came}".rstrip())
    total = sum(seconds for _, seconds, *_ in told)
    lines.append(f"{'story':{width}}  {total:5.1f} s  {'every step was true' if true else 'NOT TRUE, see above'}")
    return "\n".join(lines)


def _links(url: str, sign_in: str, pages: list[tuple[str, str]]) -> str:
    width = max(len(title) for title, _ in pages)
    lines = ["", "Look at what it made:", *(f"  {title:{width}}  {url}{path}" for title, path in pages)]
    return "\n".join([*lines, f"Sign in first, once, with: {sign_in}"])
