"""Reads of the lake beside ArcticDB: the same ranges of the same rows in turn, each timed in the process that reads.

Ours: from the catalog's first question to an Arrow table, or on to a DataFrame. The peer: `Library.read` in that form.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from benchmarks import peers
from benchmarks.installation import ROOT
from benchmarks.lakefill import SHARED, TABLE, name_of
from benchmarks.sizes import FOLDER

PYARROW, PANDAS = "PYARROW", "PANDAS"
Pick = tuple[int, int, int]  # number of the instrument, start and end in ns


class Peer:
    """ArcticDB in a process of its own, which keeps its library open as ours keeps its database open."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.asked = 0
        self._start()

    def _start(self) -> None:
        program = FOLDER / "arctic" / "bin" / "python"
        command = [program, peers.HERE / "arctic.py", self.folder]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, **words: Any) -> None:
        """Ask something and do not wait; at most one question is open."""
        self.settle()
        assert self.process.stdin
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        self.asked += 1

    def settle(self) -> dict[str, Any]:
        """Wait for the answer to what was asked."""
        told: dict[str, Any] = {}
        if self.asked:
            assert self.process.stdout
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError("the peer ended; what it said stands above")
            told, self.asked = json.loads(line), 0
        return told

    def read(self, pick: Pick, form: str) -> dict[str, Any]:
        """Read a range -> {ms, cpu, rows, sum}."""
        number, start, end = pick
        self.tell(do="read", symbol=name_of(number % SHARED), start=start, end=end, form=form)
        return self.settle()

    def close(self) -> None:
        """End the process."""
        self.settle()
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(60)

    def evict(self) -> None:
        """End the process, let the kernel forget its files, and start it again."""
        self.close()
        forget(self.folder)
        self._start()

    @property
    def size_bytes(self) -> int:
        """The bytes that its files take."""
        return sum(path.stat().st_blocks * 512 for path in self.folder.rglob("*") if path.is_file())


def install() -> None:
    """Make the peer's environment (requirements/arctic.txt, by hash), unless it is there."""
    done = subprocess.run(
        ["sh", ROOT / "requirements/install.sh", FOLDER / "arctic", "arctic"], capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"the environment of the peer could not be made: {done.stderr[-1500:]}")


def forget(folder: Path) -> None:
    """Put the folder's files on the disk and out of the page cache, as far as nobody has them mapped."""
    files = {path.stat().st_ino: path for path in folder.rglob("*") if path.is_file()}  # many names of one are one
    for path in files.values():
        with suppress(FileNotFoundError):  # a log that was folded meanwhile
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def ours(tenant: UUID, pick: Pick, form: str = PYARROW) -> dict[str, Any]:
    """Read a range of the lake -> {ms, cpu, rows, sum}, the clock around lookup, read and decoding alone."""
    import pyarrow as pa

    from datasets.lake import scan

    number, start, end = pick
    began, cpu = time.perf_counter(), time.process_time()
    entry = scan.entry_of(tenant, TABLE, name_of(number))
    data = pa.concat_tables(scan.tables_of(scan.locate(entry, start, end)))
    shown = data.to_pandas() if form == PANDAS else data
    took, cpu = (time.perf_counter() - began) * 1000, (time.process_time() - cpu) * 1000
    total = sum(float(np.sum(data[name].to_numpy())) for name in ("close", "volume"))
    return {"ms": took, "cpu": cpu, "rows": len(shown), "sum": total}


def beside(peer: Peer, tenant: UUID, picks: list[Pick], form: str, rounds: int = 1) -> dict[str, list[float]]:
    """Read every pick on both sides in turn, the first one changing -> {ours, peer: [ms], and their CPU}.

    RuntimeError when the two did not read the same.
    """
    told: dict[str, list[float]] = {name: [] for name in ("ours", "peer", "ours_cpu", "peer_cpu")}
    for number, pick in enumerate(picks * rounds):
        order = ("ours", "peer") if number % 2 else ("peer", "ours")
        read = {side: ours(tenant, pick, form) if side == "ours" else peer.read(pick, form) for side in order}
        one, other = read["ours"], read["peer"]
        if one["rows"] != other["rows"] or abs(one["sum"] - other["sum"]) > 1e-9 * abs(one["sum"]):
            raise RuntimeError(f"{pick}: {one} is not {other}")
        for side in order:
            told[side].append(round(read[side]["ms"], 3))
            told[f"{side}_cpu"].append(round(read[side]["cpu"], 3))
    return told
