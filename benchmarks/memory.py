"""Memory of the whole embedded stack: PSS summed over its processes, the engine's children among them.

PSS counts a page shared by n processes as 1/n in each, so the sum counts it once; what other programs of this machine
share with the stack (a Python of theirs from the same files) makes it smaller, so measure on a quiet machine.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.installation import ROOT, Installation, environment
from benchmarks.sizes import Sizes
from tradenexus.stack import kernel

SAMPLE_S = 0.2


def measure(sizes: Sizes) -> list[Figure]:
    """Measure at rest after the start, at the peak of the demo's story, and some time after it."""
    with Installation() as stack:
        time.sleep(sizes.idle_s)
        idle = pss(stack.pid)
        at_rest = Figure(f"idle, {sizes.idle_s:g} s after start", total(idle), "MiB", 200, note=_note(stack.pid, idle))
        with Sampler(stack.pid) as sampler:
            _tell_story(stack)
        peak = Figure("peak during the story", sampler.peak, "MiB", 700, note=sampler.when)
        time.sleep(sizes.after_s)
        left = pss(stack.pid)
        after = Figure(f"{sizes.after_s:g} s after the story", total(left), "MiB", 300, note=_note(stack.pid, left))
    return [at_rest, peak, after]


def _tell_story(stack: Installation) -> None:
    # The demo uses the stack that runs on the home; its own command line is not part of the stack.
    command = [sys.executable, "-m", "tradenexus.stack", "demo", "--home", str(stack.folder)]
    subprocess.run(command, env=environment(), cwd=ROOT, check=True, capture_output=True)


class Sampler:
    """Looks at the stack five times a second while the `with` block runs; keeps the largest sum and what it was."""

    def __init__(self, pid: int) -> None:
        self.pid, self.peak, self.when, self.samples = pid, 0.0, "", 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            seen = pss(self.pid)
            self.samples += 1
            if total(seen) > self.peak:
                self.peak, self.when = total(seen), by_part(self.pid, seen)


def pss(pid: int) -> dict[int, float]:
    """Return {process id: PSS in MiB} of a process and all below it; one that ends meanwhile is left out."""
    found = {}
    for each in (pid, *kernel.descendants(pid)):
        try:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        found[each] = sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return found


def alone(pid: int) -> float:
    """Return what the sum would be if nobody else shared a file with the stack, in MiB; a little too small.

    Memory that is no file's, and of each file the most that one process of the stack has of it.
    """
    anonymous, files = 0.0, dict[str, float]()
    for each in (pid, *kernel.descendants(pid)):
        mine = dict[str, float]()
        name = ""
        try:
            lines = Path(f"/proc/{each}/smaps").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            words = line.split()
            if not words[0].endswith(":"):
                name = words[5] if len(words) > 5 else ""
            elif words[0] == "Rss:" and name.startswith("/"):
                mine[name] = mine.get(name, 0) + int(words[1]) / 1024
            elif words[0] == "Pss:" and not name.startswith("/"):
                anonymous += int(words[1]) / 1024
            elif words[0] == "Private_Dirty:" and name.startswith("/"):
                # A file's page written to is a copy of the process's own.
                mine[name] = mine.get(name, 0) - int(words[1]) / 1024
                anonymous += int(words[1]) / 1024
        for path, mebibytes in mine.items():
            files[path] = max(files.get(path, 0), mebibytes)
    return anonymous + sum(files.values())


def total(found: dict[int, float]) -> float:
    """Return the sum in MiB."""
    return sum(found.values())


def by_part(pid: int, found: dict[int, float]) -> str:
    """Return what each part of the stack has: `web 60, worker 5x 80 ...`."""
    parts: dict[str, list[float]] = {}
    for each, mebibytes in found.items():
        parts.setdefault(_part(each), []).append(mebibytes)
    order = sorted(parts.items(), key=lambda item: -sum(item[1]))
    return ", ".join(f"{name}{f' {len(of)}x' if len(of) > 1 else ''} {sum(of):.0f}" for name, of in order)


def _note(pid: int, found: dict[int, float]) -> str:
    return f"{by_part(pid, found)}; {alone(pid):.0f} if nobody else had the same files open"


def _part(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return "ended"
    named = {
        "stack.web": "web", "lona.sandbox": "sandbox", "engine.child": "engine child", "manage.py worker": "worker",
        "engine.forkserver": "engine child", "stack up": "supervisor",
    }  # fmt: skip
    return next((name for needle, name in named.items() if needle in words), words.strip()[-40:] or "ended")
