"""How much is measured: the sizes of the targets, and tiny ones that show that the benchmarks themselves work."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tradenexus.stack import tape

FOLDER = Path(__file__).resolve().parent.parent / "build" / "bench"


@dataclass(frozen=True)
class Sizes:
    """trades: rows of the tape, large: of the long one, scale: of that of `scale`, of which `parts` are measured; rows,
    jobs, entries: of the filled tables; idle_s and after_s: rests before memory is measured."""

    trades: int = tape.ROWS
    rounds: int = 3
    small_jobs: int = 30
    rows: int = 10_000
    jobs: int = 100_000
    entries: int = 1_000_000
    large: int = 10_000_000
    scale: int = 100_000_000
    parts: tuple[str, ...] = ("candles", "validation", "csv")
    requests: int = 60
    upload_bytes: int = 64 << 20
    followed_bytes: int = 300_000_000
    queued: int = 2_000
    writes: int = 500
    sockets: int = 500
    ticks: int = 400
    deep: int = 1_000_000
    idle_s: float = 30
    after_s: float = 300

    def tape(self, trades: int = 0) -> Path:
        """Return the simulated tape of this size, made unless it is there."""
        trades = trades or self.trades
        path = FOLDER / f"tape-{trades}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not tape.read_truth(path, trades):
            subprocess.run([sys.executable, "-m", "tradenexus.stack.tape", str(path), str(trades)], check=True,
                           capture_output=True)  # fmt: skip
        return path


SMALL = Sizes(
    trades=20_000,
    rounds=1,
    small_jobs=3,
    rows=300,
    jobs=300,
    entries=300,
    large=20_000,
    scale=200_000,
    requests=3,
    upload_bytes=1 << 20,
    followed_bytes=2_000_000,
    queued=40,
    writes=20,
    sockets=5,
    ticks=10,
    deep=400,
    idle_s=2,
    after_s=2,
)
