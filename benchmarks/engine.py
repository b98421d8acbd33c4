"""The engine beside its limits: validation and candles against bare decoding of the same file, and against pandas.

Every contender runs in a child process as capped as the product's own, one after another, the rounds interleaved.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, median
from benchmarks.sizes import Sizes
from datasets.engine import children, handover

CONTENDERS = ("start", "parse_csv", "validate", "decode", "candles", "pandas_resample")
LIMITS = children.Limits(memory_bytes=8 << 30)


def measure(sizes: Sizes) -> list[Figure]:
    """Run the contenders `rounds` times (at least three for figures) and return times, memory and ratios."""
    folder = Path(tempfile.mkdtemp(prefix="nexus-bench-"))
    try:
        params = {"raw": handover.reads(sizes.tape()), "inputs": _canonical(sizes.tape(), folder / "canonical")}
        seen: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
        for _ in range(sizes.rounds):
            for name in CONTENDERS:
                seen[name].append(_run(name, params, folder / "out"))
    finally:
        shutil.rmtree(folder)
    return [*_absolute(seen, sizes), *_ratios(seen)]


def _canonical(raw: Path, folder: Path) -> list[dict[str, Any]]:
    """Make the canonical files that candles are built of, once."""
    folder.mkdir(parents=True)
    params = {"raw": handover.reads(raw), "out_dir": handover.writes(folder)}
    made = children.run("benchmarks.contenders:validate", params, limits=LIMITS)
    return [{**file, "path": handover.reads(file["path"])} for file in made["files"]]


def _run(name: str, params: dict[str, Any], out: Path) -> dict[str, float]:
    out.mkdir()
    began = time.monotonic()
    try:
        given = {**params, "out_dir": handover.writes(out)}
        said = children.run(f"benchmarks.contenders:{name}", given, limits=LIMITS)
    finally:
        shutil.rmtree(out)
    return {"wall": said["wall"], "cpu": said["cpu"], "rss": said["rss"], "child": time.monotonic() - began}


def _absolute(seen: dict[str, list[dict[str, float]]], sizes: Sizes) -> list[Figure]:
    labels = {
        "parse_csv": "bare pyarrow parse of the CSV", "validate": "validate (sniff, scan, write)",
        "decode": "bare pyarrow decode of the canonical files", "candles": "candles 1m",
        "pandas_resample": "candles by pandas resample",
    }  # fmt: skip
    figures = [median("an engine child that does nothing", _of(seen, "start", "child"), "s")]
    for name, label in labels.items():
        cpu, rss = median("", _of(seen, name, "cpu"), "").value, max(_of(seen, name, "rss"))
        note = f"CPU {cpu:.2f} s, peak {rss:.0f} MiB, {sizes.trades:,} trades"
        figures.append(median(label, _of(seen, name, "wall"), "s", note=note))
    return figures


def _ratios(seen: dict[str, list[dict[str, float]]]) -> list[Figure]:
    def ratio(label: str, above: str, below: str, what: str, **more: Any) -> Figure:
        pairs = zip(_of(seen, above, what), _of(seen, below, what), strict=True)
        return median(label, [a / b for a, b in pairs], "x", **more)

    return [
        ratio("validate / CSV parse, CPU", "validate", "parse_csv", "cpu"),
        ratio("validate / CSV parse, wall", "validate", "parse_csv", "wall"),
        ratio("candles / decode, CPU", "candles", "decode", "cpu"),
        ratio("candles / decode, wall", "candles", "decode", "wall"),
        ratio("pandas resample / candles, CPU", "pandas_resample", "candles", "cpu"),
        ratio("pandas resample / candles, wall", "pandas_resample", "candles", "wall"),
    ]


def _of(seen: dict[str, list[dict[str, float]]], name: str, what: str) -> list[float]:
    return [one[what] for one in seen[name]]
