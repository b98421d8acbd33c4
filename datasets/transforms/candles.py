"""Candles: trades, quotes or finer bars of each instrument -> bars of each frequency, one canonical file an instrument.

Runs in a capped child. A part of one row group is in memory at a time. Anything coarser than a minute goes by way of
one-minute bars, always: sums of doubles differ in the last bit by path, and one path gives one answer. The policy that
comes back states every choice and count, so that the bars can be made again from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from datasets.engine import canonical
from datasets.market import intervals, kinds
from datasets.quality.progress import Progress
from datasets.transforms import parts, registry
from datasets.transforms.chain import Chain, interval_of, through_minutes

ORDER = "ts_event, then sequence (trade or update id), then file order"
FILTERS = {
    kinds.TRADES: "every accepted trade with a price and a positive or unknown size",
    kinds.QUOTES: "every accepted uncrossed quote; it stands until the next, and a bar opens at the standing one",
    kinds.BARS: "every accepted bar with all four prices; one that reaches over a border is refused",
}


def build(params: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Write bars of one `frequency` -> {frequency, files, rows, policy}; NothingToConvert when there are none."""
    return parts.gather([build_many({**params, "frequencies": [params.get("frequency")]}, emit)])[0]


def build_many(params: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Write bars of every input and frequency to `out_dir` in one pass -> {made: [{frequency, files, rows, policy}]}.

    params: inputs [{instrument, venue, path, rows, interval?, number?}], kind, frequencies, price, emptyBars, session,
    out_dir. Files carry the `number` of their input. Refuses with FrequencyUnsupported, PriceUnsupported, BadRequest,
    SessionUnknown, BarsCrossBorder, TooManyBars; no bar at all is no refusal here (see `parts.gather`).
    """
    inputs, kind, folder = params["inputs"], params["kind"], Path(params["out_dir"])
    asked = [_checked(inputs, kind, {**params, "frequency": each}) for each in params["frequencies"]]
    made = [_Made(kind, each) for each in asked]
    progress = Progress(emit, "candles", sum(int(each.get("rows") or 0) for each in inputs), "rows")
    read = 0
    for at, each in enumerate(inputs):
        number = each.get("number", at)
        chain = Chain(each, kind, asked, folder, number)
        begun = read
        for rows in chain.rows():
            read += rows
            progress.report(read)
        for one, (root, output), written in zip(made, chain.found, chain.close(), strict=True):
            one.add(written, {**each, "number": number}, read - begun)
            one.excluded.update(root.source.excluded)
            one.counts["filled"] += output.filled
            one.counts["incomplete"] += root.reducer.short
    progress.report(read, last=True)
    return {"made": [one.answer() for one in made]}


def _checked(inputs: list[dict[str, Any]], kind: str, params: dict[str, Any]) -> dict[str, Any]:
    asked = registry.check_candles(kind, interval_of(inputs[0]) if inputs else None, params)
    for each in inputs[1:] if kind == kinds.BARS else []:
        registry.check_candles(kind, interval_of(each), params)
    return asked


class _Made:
    """The files of one frequency, and what was counted on the way."""

    def __init__(self, kind: str, asked: dict[str, Any]):
        self.kind, self.asked = kind, asked
        self.files: list[dict[str, Any]] = []
        self.counts: Counter[str] = Counter()
        self.excluded: Counter[str] = Counter()

    def add(self, written: canonical.Written, each: dict[str, Any], read: int) -> None:
        self.counts["instruments"] += 1
        self.counts["read"] += read
        if not written.rows:
            Path(written.path).unlink()
            return
        self.files.append(_file(each, written, self.asked["frequency"]))

    def answer(self) -> dict[str, Any]:
        rows = sum(file["rows"] for file in self.files)
        policy = _policy(self.kind, self.asked, self.counts, self.excluded, rows)
        return {"frequency": self.asked["frequency"], "files": self.files, "rows": rows, "policy": policy}


def _file(each: dict[str, Any], written: canonical.Written, frequency: str) -> dict[str, Any]:
    return {
        "number": each["number"],
        "instrument": each["instrument"],
        "venue": each.get("venue") or "",
        "path": written.path,
        "rows": written.rows,
        "sizeBytes": written.size_bytes,
        "sha256": written.sha256,
        "t0Ns": written.t0_ns,
        "t1Ns": written.t1_ns,
        "interval": frequency,
    }


def _policy(kind: str, asked: dict, counts: Counter[str], excluded: Counter[str], rows: int) -> dict[str, Any]:
    target = intervals.parse(asked["frequency"])
    stages = [kind, "1m", target.text] if kind != kinds.BARS and through_minutes(target) else [kind, target.text]
    return {
        **asked,
        "source": kind,
        "tradeFilter": FILTERS[kind],
        "order": ORDER,
        "ties": "open is the first and close the last row in that order",
        "path": " -> ".join(stages),
        "stamp": "open time; a day of a calendar is stamped 00:00 UTC of its session date",
        "anchor": "1970-01-01T00:00Z; weeks from Monday; calendar months",
        "volume": "added strictly in row order" if kind != kinds.QUOTES else "unknown: quotes are not traded",
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
        "counts": {
            "instruments": counts["instruments"],
            "read": counts["read"],
            "used": counts["read"] - sum(excluded.values()),
            "excluded": dict(sorted(excluded.items())),
            "bars": rows,
            "filled": counts["filled"],
            "incomplete": counts["incomplete"],
        },
    }
