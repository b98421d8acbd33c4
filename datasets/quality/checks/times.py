"""Times: order as the file has it, and stamps that cannot be when the data happened."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets.market.intervals import SECOND
from datasets.quality.checks.spec import Spec
from datasets.quality.result import SAMPLES, Block, Findings, Sample, iso

SPECS = (
    Spec(
        "order.monotonic",
        "Rows are in time order",
        "count",
        "These rows are earlier than the row before them of the same symbol. The stored version is sorted.",
        "Disorder can hide a wrong time zone, mixed sources or a clock that jumped.",
        "A file that is newest first is harmless. Otherwise check how the file was put together.",
    ),
    Spec(
        "time.before_1970",
        "Times from 1970 on",
        "count",
        "These times lie before 1970-01-01.",
        "True for old daily series; for anything else it is a wrong unit or a broken value.",
        "If the data is not that old, set the time unit or correct the rows.",
    ),
    Spec(
        "time.year_1970",
        "Times not at the start of the epoch",
        "share",
        "These times lie in 1970, where a wrong unit puts today's data (seconds read as milliseconds).",
        "All ranges, gaps and bars would be wrong.",
        "Set the time unit (s, ms, us, ns) and validate again.",
    ),
    Spec(
        "time.future",
        "No times in the future",
        "share",
        "These times lie in the future.",
        "Data cannot be recorded before it happens: the unit, the zone or the clock is wrong.",
        "Set the time unit and zone; correct the rows if the clock was wrong.",
    ),
)

_YEAR_1970_NS = 365 * 86_400 * SECOND


class Range:
    """Times outside the plausible range; `latest_ns` is the last instant that is not the future."""

    def __init__(self, findings: Findings, latest_ns: int):
        self.findings, self.latest_ns = findings, latest_ns

    def push(self, block: Block) -> None:
        """Look at the rows; sorted, so the ends tell whether there is anything to count."""
        if block.ts[0] < _YEAR_1970_NS:
            self.findings["time.before_1970"].add(block, block.ts < 0)
            self.findings["time.year_1970"].add(block, (block.ts >= 0) & (block.ts < _YEAR_1970_NS))
        if block.ts[-1] > self.latest_ns:
            self.findings["time.future"].add(block, block.ts > self.latest_ns)


class Order:
    """Rows earlier than the one before them, per instrument, in file order."""

    def __init__(self, findings: Findings):
        self.findings = findings
        self.last = np.empty(0, dtype=np.int64)

    def push(
        self, codes: np.ndarray, ts: np.ndarray, row: np.ndarray, names: list[str], cuts: Sequence[int] = ()
    ) -> None:
        """Look at the next rows, grouped by instrument (`codes` number `names`) and in file order within each.

        `cuts` are the first record numbers of the batches they came in, in whose order offenders are noted.
        """
        fresh = len(names) - len(self.last)
        if fresh > 0:
            self.last = np.concatenate((self.last, np.full(fresh, np.iinfo(np.int64).min)))
        starts = np.flatnonzero(np.concatenate(([True], codes[1:] != codes[:-1])))
        before = np.concatenate((ts[:1], ts[:-1]))
        before[starts] = self.last[codes[starts]]
        ends = np.append(starts[1:], len(ts)) - 1
        self.last[codes[ends]] = ts[ends]
        back = ts < before
        if back.any():
            at = np.flatnonzero(back)
            at = at[np.argsort(np.searchsorted(cuts, row[at], side="right"), kind="stable")]
            tally = self.findings["order.monotonic"]
            for each in at[: max(SAMPLES - len(tally.samples), 0)].tolist():
                value = f"after {iso(int(before[each]))}"
                tally.samples.append(Sample(int(row[each]), int(ts[each]), value, names[codes[each]]))
            tally.count += len(at)
