"""The first station of the pass: takes batches as read and leaves out, with a note, rows that cannot be stored.

A row is left out when the reader could not read it, or when a price or size is not finite. Counts are exact; the
rejects file is JSON lines {row, line, column, value, reason}, the first million of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from datasets.formats.batches import MappedBatch
from datasets.market import kinds
from datasets.quality.result import Findings, Sample, plain

ROW = "row"
REJECT_LINES = 1_000_000
LINE_CHANGES = 1_000_000
PRICES = {kinds.TRADES: ("price",), kinds.QUOTES: ("bid", "ask"), kinds.BARS: ("open", "high", "low", "close")}
SIZES = {kinds.TRADES: ("size",), kinds.QUOTES: ("bid_size", "ask_size"), kinds.BARS: ("volume",)}


class Rejects:
    """The rejects file. `count` is exact, also when more were left out than the file holds."""

    def __init__(self, path: Path):
        self.path = path
        self.count = 0
        self.written = 0
        self._file = path.open("w", encoding="utf-8")

    def add(self, row: int, line: int | None, column: str | None, value: Any, reason: str) -> None:
        """Write one line."""
        self.count += 1
        if self.written < REJECT_LINES:
            self.written += 1
            entry = {"row": row, "line": line, "column": column, "value": plain(value), "reason": reason}
            self._file.write(json.dumps(entry, separators=(",", ":")) + "\n")

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


class Lines:
    """From record numbers to text lines: remembers where their difference changes."""

    def __init__(self) -> None:
        self._rows: list[np.ndarray] = []
        self._shifts: list[np.ndarray] = []
        self._known = 0
        self._last: int | None = None
        self._until = -1  # rows up to this one have a line

    def push(self, row: np.ndarray, line: np.ndarray | None) -> None:
        """Take the next records; `line` None when the format has no lines."""
        if line is None or not len(row) or self._known > LINE_CHANGES:
            return
        shift = line - row
        changed = np.concatenate(([self._last is None or shift[0] != self._last], shift[1:] != shift[:-1]))
        self._rows.append(row[changed])
        self._shifts.append(shift[changed])
        self._known += int(np.count_nonzero(changed))
        self._last, self._until = int(shift[-1]), int(row[-1])

    def of(self, row: int) -> int | None:
        """Return the line of an accepted record, None when not known."""
        if row > self._until:
            return None
        if len(self._rows) > 1:
            self._rows, self._shifts = [np.concatenate(self._rows)], [np.concatenate(self._shifts)]
        at = int(np.searchsorted(self._rows[0], row, side="right")) - 1
        return int(row + self._shifts[0][at]) if at >= 0 else None


class Intake:
    """Turns batches into tables of good rows with a `row` column; counts what was read and left out."""

    def __init__(self, kind: str, findings: Findings, rejects: Rejects):
        self.kind, self.findings, self.rejects = kind, findings, rejects
        self.lines = Lines()
        self._noted: list[tuple[int, int | None, str | None, Any, str]] = []  # of the batch at hand
        self.read = 0
        self.rejected = 0

    def accept(self, batch: MappedBatch) -> pa.Table:
        """Return the rows of the batch that can be stored."""
        self._noted = []
        self._unreadable(batch)
        self.read += batch.table.num_rows
        self.lines.push(batch.row, batch.line)
        table = batch.table.append_column(ROW, pa.array(batch.row))
        bad = self._not_finite(table, batch.line)
        for note in sorted(self._noted, key=lambda note: note[0]):
            self.rejects.add(*note)
        return table if bad is None else table.filter(pa.array(~bad))

    def leave_out(self, table: pa.Table, column: str, reason: str, check: str) -> None:
        """Reject rows that were already taken in."""
        rows = table.column(ROW).to_numpy()
        stamps = table.column("ts_event").cast(pa.int64()).to_numpy()
        values = table.column(column).to_pylist()
        self.rejected += len(rows)
        for row, ts, value in zip(rows.tolist(), stamps.tolist(), values, strict=True):
            self.rejects.add(row, self.lines.of(row), column, value, reason)
            self.findings[check].add_one(Sample(row, ts, value))

    def _unreadable(self, batch: MappedBatch) -> None:
        last = -1
        for reject in batch.rejects:
            self._noted.append((reject.row, reject.line, reject.column, reject.value, reject.reason_code))
            if reject.row == last:  # several wrong cells of one record
                continue
            last = reject.row
            self.read += 1
            self.rejected += 1
            check = "values.nulls" if reject.reason_code == "NULL_VALUE" else "schema.readable"
            shown = f"{reject.column}: {reject.value!r} ({reject.reason_code})"
            self.findings[check].add_one(Sample(reject.row, None, shown, line=reject.line))
            self.findings.figure(check, reject.reason_code, 1)

    def _not_finite(self, table: pa.Table, line: np.ndarray | None) -> np.ndarray | None:
        bad = np.zeros(table.num_rows, bool)
        for name in (*PRICES[self.kind], *SIZES[self.kind]):
            values = table.column(name).to_numpy()
            with np.errstate(all="ignore"):
                if np.isfinite(values.sum()):  # a sum with one that is not finite is not finite
                    continue
            wrong = ~np.isfinite(values) if name in PRICES[self.kind] else np.isinf(values)
            if not wrong.any():
                continue
            for at in np.flatnonzero(wrong & ~bad).tolist():
                row, value = int(table.column(ROW)[at].as_py()), float(values[at])
                where = None if line is None else int(line[at])
                self._noted.append((row, where, name, value, "NOT_FINITE"))
                ts = table.column("ts_event")[at].cast(pa.int64()).as_py()
                self.findings["values.finite"].add_one(Sample(row, ts, f"{name}: {value}", line=where))
            bad |= wrong
        found = int(np.count_nonzero(bad))
        self.rejected += found
        return bad if found else None
