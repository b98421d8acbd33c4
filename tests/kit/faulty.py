"""A disk that fails by plan: a small C library preloaded into the server and its jobs (faulty.c says how it works).

    faults = Faults(folder)                                  # skips, by name, where there is no C compiler
    server = Server(folder, **faults.settings)
    with faults.failing(errno.ENOSPC, "write", "/uploads/"):  # every such call, until the block ends
    faults.kill_at(3, "write,sync", "/uploads/")             # SIGKILL in the place of the third such call
    faults.watch("sync,link", "/"); faults.seen()            # which calls there were, in order

Calls: write, sync, truncate, allocate, rename, link, mkdir, unlink (unlinkat is none). Reading children have an
environment of their own and do not meet with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

EVERY = "write,sync,truncate,allocate,rename,link,mkdir,unlink"
_SOURCE = Path(__file__).with_name("faulty.c")
_EVER = 1 << 40
_KILL, _WATCH = 0, -1


class Faults:
    """The library, built into the folder, and the plan that it reads."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            if os.environ.get("CI") == "true":
                raise RuntimeError("no C compiler: the tests of a failing disk cannot run")
            pytest.skip("no C compiler (gcc) for the disk that fails by plan")
        library = folder / "faulty.so"
        command = [compiler, "-Wall", "-Werror", "-O1", "-shared", "-fPIC", "-o", library, _SOURCE, "-ldl", "-lpthread"]
        subprocess.run(command, check=True)
        self._plan, self._log = folder / "plan", folder / "plan.log"
        self.settings = {"LD_PRELOAD": str(library), "FAULT_PLAN": str(self._plan)}

    @contextmanager
    def failing(self, code: int, calls: str, part: str, first: int = 1, last: int = _EVER) -> Iterator[None]:
        """Let the calls from the first to the last whose path has the part fail with this errno."""
        self._write(code, calls, part, first, last)
        try:
            yield
        finally:
            self.clear()

    def kill_at(self, number: int, calls: str, part: str) -> None:
        """Kill the process in the place of the call of this number."""
        self._write(_KILL, calls, part, number, number)

    def watch(self, calls: str, part: str) -> None:
        """Only write the calls down."""
        self._write(_WATCH, calls, part, 1, _EVER)

    def clear(self) -> None:
        """Let the disk work."""
        self._plan.unlink(missing_ok=True)

    def seen(self) -> list[tuple[str, str]]:
        """Return what the present plan, or the last one, matched: call and path."""
        if not self._log.exists():
            return []
        lines = (line.split(" ", 2) for line in self._log.read_text().splitlines())
        return [(call, path) for _, call, path in lines]

    def _write(self, code: int, calls: str, part: str, first: int, last: int) -> None:
        self._log.unlink(missing_ok=True)
        fresh = self._plan.with_name("plan.new")
        fresh.write_text(f"{uuid4().hex} {code} {first} {last} ,{calls}, {part}\n")
        fresh.rename(self._plan)  # a call reads all of it or none
