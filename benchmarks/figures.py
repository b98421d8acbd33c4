"""Figure: one measured number with its target and verdict; printed as a table, kept in build/figures.json."""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django
import numpy
import pandas
import pyarrow

PATH = Path(__file__).resolve().parent.parent / "build" / "figures.json"
RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Figure:
    """One number. `target` is the most (or, for `at_least`, the least) it may be; None: told, not judged.

    `samples` are the single measurements behind it, `load` the machine's load average over the last minute.
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False
    note: str = ""
    samples: list[float] = field(default_factory=list)
    load: float = field(default_factory=lambda: round(os.getloadavg()[0], 2))

    @property
    def verdict(self) -> str:
        """`met`, `MISSED`, or nothing where there is no target."""
        if self.target is None:
            return ""
        return "met" if (self.value >= self.target if self.at_least else self.value <= self.target) else "MISSED"

    def row(self) -> list[str]:
        """The figure as the cells of a table."""
        sign = ">=" if self.at_least else "<="
        target = "" if self.target is None else f"{sign} {self.target:g} {self.unit}".strip()
        return [
            self.name,
            f"{plain(self.value)} {self.unit}".strip(),
            target,
            self.verdict,
            f"{self.load:g}",
            self.note,
        ]


def plain(value: float) -> str:
    """Return a number with three significant digits, or whole from 100 up."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def median(name: str, samples: Sequence[float], unit: str, target: float | None = None, **more: Any) -> Figure:
    """Return the median of several measurements as a figure that keeps them all."""
    return Figure(name, statistics.median(samples), unit, target, samples=[round(one, 4) for one in samples], **more)


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the smallest sample that at least `share` of all do not exceed (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))]


def machine() -> dict[str, str]:
    """Say what it was measured on."""
    model = next((line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if "model name" in line), "")
    memory_kib = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if "MemTotal" in line), 0)
    versions = (("Django", django.__version__), ("numpy", numpy), ("pandas", pandas), ("pyarrow", pyarrow))
    told = [f"{name} {getattr(module, '__version__', module)}" for name, module in versions]
    return {
        "machine": f"{os.cpu_count()} cores {model or platform.processor()}, {memory_kib / 2**20:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {', '.join(told)}",
    }


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as aligned text."""
    rows = [["figure", "measured", "target", "verdict", "load", "note"], *(figure.row() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


class Others:
    """How many cores other programs kept busy meanwhile: the whole machine's CPU time less ours and our children's."""

    def __init__(self) -> None:
        self._began, self._all, self._ours = time.monotonic(), _machine_cpu_s(), _our_cpu_s()

    def cores(self) -> float:
        """Return the mean since this was made; complete once our children have ended."""
        seconds = time.monotonic() - self._began
        theirs = _machine_cpu_s() - self._all - (_our_cpu_s() - self._ours)
        return round(max(0.0, theirs) / max(seconds, 0.1), 2)


def _machine_cpu_s() -> float:
    cells = [int(cell) for cell in _lines("/proc/stat")[0].split()[1:9]] if Path("/proc/stat").exists() else [0] * 8
    user, nice, system, _, _, irq, softirq, steal = cells
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _our_cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def keep(benchmark: str, command: str, figures: Sequence[Figure], others: float, path: Path = PATH) -> None:
    """Write the figures of one benchmark into the JSON file, beside the newest of the others."""
    try:
        kept = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        kept = {}
    kept[benchmark] = {
        "measuredAt": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "command": command,
        **machine(),
        "othersBusyCores": others,
        "figures": [{**asdict(figure), "verdict": figure.verdict} for figure in figures],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n")


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
