"""The story of the demo, told whole on a fresh home: `stack demo --once`, start and stop of the stack included."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time

from benchmarks.figures import Figure, median
from benchmarks.installation import ROOT, environment
from benchmarks.sizes import Sizes

STEP = re.compile(r"^(\S.*?)\s+(\d+\.\d) s  (ok|every step was true)$", re.MULTILINE)


def measure(sizes: Sizes) -> list[Figure]:
    """Tell the story a few times and return the medians: the whole command, the story alone, and each step."""
    runs = [_tell() for _ in range(sizes.rounds)]
    whole = [seconds for seconds, _ in runs]
    figures = [median("demo from command to exit", whole, "s", 60)]
    for title in runs[0][1]:
        figures.append(
            median(
                "the story alone" if title == "story" else f"step: {title}", [steps[title] for _, steps in runs], "s"
            )
        )
    return figures


def _tell() -> tuple[float, dict[str, float]]:
    folder = tempfile.mkdtemp(prefix="nexus-bench-")
    began = time.monotonic()
    try:
        command = [sys.executable, "-m", "tradenexus.stack", "demo", "--home", folder, "--once"]
        done = subprocess.run(command, env=environment(), cwd=ROOT, capture_output=True, text=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if done.returncode:
        raise RuntimeError(f"the story was not true: {done.stdout[-2000:]}{done.stderr[-1000:]}")
    steps = {title: float(seconds) for title, seconds, _ in STEP.findall(done.stdout)}
    return time.monotonic() - began, steps
