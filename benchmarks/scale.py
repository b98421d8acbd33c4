"""A hundred million trades: candles and validation beside bare decoding and parsing, and beside their peers.

Each contender is a fresh capped process; in each round all run one after another, so that other load meets them alike.
Ratios are of CPU. Peers stand in environments of their own, made here under build/bench: `peers` and `expectations`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import market
from benchmarks.figures import Figure, median
from benchmarks.installation import ROOT
from benchmarks.sizes import FOLDER, Sizes
from datasets.engine import children, crew, handover
from datasets.transforms import parts

LIMITS = children.Limits(memory_bytes=8 << 30, cpu_s=7200, wall_s=7200)
FIVE = ["1m", "5m", "15m", "1h", "1d"]
Told = dict[str, Any]


class _Bench:
    """Runs the contenders and keeps what each told."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.seen: dict[str, list[Told]] = {}

    def run(self, name: str, contender: Callable[[Path], Told]) -> None:
        out = Path(tempfile.mkdtemp(prefix="nexus-bench-", dir=FOLDER))
        try:
            self.seen.setdefault(name, []).append(contender(out))
        finally:
            shutil.rmtree(out)

    def ours(self, function: str, **params: Any) -> Callable[[Path], Told]:
        def run(out: Path) -> Told:
            given = {**params, "out_dir": handover.writes(out)}
            return children.run(f"benchmarks.contenders:{function}", given, limits=LIMITS)

        return run

    def spread(self, inputs: list[Told], processes: int) -> Callable[[Path], Told]:
        def run(out: Path) -> Told:
            shares = []
            for number, share in enumerate(parts.spread(inputs, processes)):
                (out / str(number)).mkdir()
                shares.append({"inputs": share, "out_dir": handover.writes(out / str(number))})
            told = crew.run(
                "benchmarks.contenders:candles",
                shares,
                limits=LIMITS,
                on_message=lambda number, said: None,
                cancelled=lambda: False,
            )
            made = sorted(each for one in told for each in one["digests"])
            one = {"cpu": sum(each["cpu"] for each in told), "wall": max(each["wall"] for each in told)}
            return {**one, "rss": sum(each["rss"] for each in told), "digests": made}

        return run

    def peer(self, place: str, function: str, **params: Any) -> Callable[[Path], Told]:
        def run(out: Path) -> Told:
            command = [FOLDER / place / "bin/python", "-P", ROOT / "benchmarks/peers/engine.py", function]
            given = json.dumps({**params, "out_dir": str(out)})
            quiet = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(out), "GX_ANALYTICS_ENABLED": "False"}
            done = subprocess.run([*command, given], capture_output=True, text=True, env=quiet)
            if done.returncode:
                raise RuntimeError(f"{function}: {done.stderr[-1500:]}")
            return json.loads(done.stdout.splitlines()[-1])

        return run

    def ratio(self, label: str, above: str, below: str, target: float | None = None, **more: Any) -> Figure:
        what = more.pop("what", "cpu")
        pairs = zip(self.seen[above], self.seen[below], strict=True)
        return median(label, [one[what] / other[what] for one, other in pairs], "x", target, **more)

    def peak(self, label: str, name: str, target: float | None = None) -> Figure:
        return Figure(label, max(one["rss"] for one in self.seen[name]), "MiB", target)

    def spent(self, name: str) -> Figure:
        wall = median("", [one["wall"] for one in self.seen[name]], "").value
        note = f"wall {wall:.2f} s, peak {max(one['rss'] for one in self.seen[name]):.0f} MiB"
        return median(f"{name}, CPU", [one["cpu"] for one in self.seen[name]], "s", note=note)


def measure(sizes: Sizes) -> list[Figure]:
    """Make the data unless it is there, run all contenders `rounds` times and return times, memory and ratios."""
    _environment("peers", "base", "bench")
    if "validation" in sizes.parts:
        _environment("expectations", "expectations")
    figures = []
    for part in sizes.parts:
        bench = _Bench(market.made(FOLDER, sizes.scale, part))
        contenders, tell = PARTS[part]
        entered = contenders(bench)
        for _ in range(sizes.rounds):
            for name, contender in entered.items():
                bench.run(name, contender)
        figures += [*tell(bench), *(bench.spent(name) for name in entered)]
    return figures


def _environment(place: str, *sets: str) -> None:
    command = ["sh", ROOT / "requirements/install.sh", FOLDER / place, *sets]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the environment of the peers could not be made: {done.stderr[-1500:]}")


def _inputs(folder: Path, encoding: str) -> list[Told]:
    found = sorted(folder.glob(f"{encoding}-*.parquet"))
    return [{"instrument": each.stem[-3:], "venue": "", "rows": 1, "path": handover.reads(each)} for each in found]


def _candles(bench: _Bench) -> dict[str, Callable[[Path], Told]]:
    own, plain = _inputs(bench.folder, "canonical"), _inputs(bench.folder, "default")
    files = [str(path) for path in sorted(bench.folder.glob("canonical-*.parquet"))]
    return {
        "decode, default files": bench.ours("decode", inputs=plain),
        "decode, canonical files": bench.ours("decode", inputs=own),
        "candles 1m": bench.ours("candles", inputs=own),
        "candles 1m, default files": bench.ours("candles", inputs=plain),
        "candles 1m 5m 15m 1h 1d": bench.ours("candles", inputs=own, frequencies=FIVE),
        "candles 1s 1m 5m 15m 1h 1d": bench.ours("candles", inputs=own, frequencies=["1s", *FIVE]),
        "candles 1m, 2 children": bench.spread(own, 2),
        "Polars streaming 1m": bench.peer("peers", "polars_candles", files=files),
        "DuckDB 1m": bench.peer("peers", "duckdb_candles", files=files),
    }


def _validation(bench: _Bench) -> dict[str, Callable[[Path], Told]]:
    long, short = bench.folder / "tape.parquet", bench.folder / "short.parquet"
    sorted_files = market.made(FOLDER, int(bench.folder.name.rpartition("-")[2]), "candles")
    return {
        "decode, tape": bench.ours("decode_tape", raw=handover.reads(long)),
        "validate": bench.ours("validate", raw=handover.reads(long), filename=long.name),
        "validate, nothing written": bench.ours("validate", raw=handover.reads(long), filename=long.name, dry=True),
        "checks of sorted files": bench.ours("checks", inputs=_inputs(sorted_files, "default")),
        "decode of what checks read": bench.ours(
            "decode", inputs=_inputs(sorted_files, "default"), columns=["ts_event", "sequence", "price", "size", "side"]
        ),
        "validate, short tape": bench.ours("validate", raw=handover.reads(short), filename=short.name),
        "validate, short tape, nothing written": bench.ours(
            "validate", raw=handover.reads(short), filename=short.name, dry=True
        ),
        "pandera, short tape": bench.peer("peers", "pandera", raw=str(short)),
        "great_expectations, short tape": bench.peer("expectations", "great_expectations", raw=str(short)),
    }


def _csv(bench: _Bench) -> dict[str, Callable[[Path], Told]]:
    raw = handover.reads(bench.folder / "tape.csv")
    return {
        "parse CSV": bench.ours("parse_csv", raw=raw, stamps="text"),
        "split and check CSV": bench.ours("validate", raw=raw, filename="tape.csv", dry=True),
        "validate CSV": bench.ours("validate", raw=raw, filename="tape.csv"),
    }


def _of_candles(bench: _Bench) -> list[Figure]:
    base, one = "decode, default files", "candles 1m"
    same = {
        hashlib.sha256(json.dumps(sorted(told["digests"])).encode()).hexdigest()
        for name in (one, "candles 1m, 2 children")
        for told in bench.seen[name]
    }
    ahead = {"at_least": True}
    return [
        bench.ratio("candles 1m / decode of default files", one, base, 1.1),
        bench.ratio("candles 1m / decode of the canonical files", one, "decode, canonical files"),
        bench.ratio("candles 1m of default files / their decode", "candles 1m, default files", base, 1.7),
        bench.ratio("1m 5m 15m 1h 1d in one pass / decode of default files", "candles 1m 5m 15m 1h 1d", base, 1.3),
        bench.ratio("the same with 1s / decode of default files", "candles 1s 1m 5m 15m 1h 1d", base, 2.2),
        bench.peak("candles 1m, peak memory", one, 512),
        bench.peak("candles of six frequencies, peak memory", "candles 1s 1m 5m 15m 1h 1d", 512),
        Figure("different digests of candles 1m, over all rounds and 1 or 2 children", len(same), "", 1),
        bench.ratio("wall of candles 1m: one child / two", one, "candles 1m, 2 children", what="wall"),
        bench.ratio("Polars streaming / candles 1m, canonical files", "Polars streaming 1m", one, 1, **ahead),
        bench.ratio("DuckDB / candles 1m, canonical files", "DuckDB 1m", one, 1, **ahead),
    ]


def _of_validation(bench: _Bench) -> list[Figure]:
    base, like = "decode, tape", "validate, short tape, nothing written"
    return [
        bench.ratio("validate Parquet (split, check, write) / decode", "validate", base, 1.8),
        bench.ratio("validate Parquet, nothing written / decode", "validate, nothing written", base),
        bench.ratio("checks of sorted files / decode of them", "checks of sorted files", "decode of what checks read"),
        bench.peak("validate Parquet, peak memory", "validate", 512),
        bench.ratio("pandera / ours, nothing written", "pandera, short tape", like, 3, at_least=True),
        bench.ratio("pandera / ours, canonical files written too", "pandera, short tape", "validate, short tape"),
        bench.ratio("great_expectations / ours, nothing written", "great_expectations, short tape", like, 15,
                    at_least=True, note="without gaps and jumps"),
    ]  # fmt: skip


def _of_csv(bench: _Bench) -> list[Figure]:
    return [
        bench.ratio("CSV: split and checks / parse", "split and check CSV", "parse CSV", 2.0),
        bench.ratio("CSV: everything / parse", "validate CSV", "parse CSV", 2.5),
        bench.peak("validate CSV, peak memory", "validate CSV", 640),
    ]


PARTS = {
    "candles": (_candles, _of_candles),
    "validation": (_validation, _of_validation),
    "csv": (_csv, _of_csv),
}
