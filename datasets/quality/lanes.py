"""A lane: one instrument's rows in canonical order -> repeats dropped, checks, one canonical file.

Rows carry their record number in a `row` column; the numbers are kept beside the file until the lane is done with, so
that a lane can be read back with them. What was dropped is final; findings belong to the lane and go with it when it
is given up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.engine import canonical
from datasets.market import kinds, schemas
from datasets.quality import checks
from datasets.quality.checks import rhythm
from datasets.quality.checks.duplicates import EqualRows, Repeats
from datasets.quality.checks.rhythm import Rhythm
from datasets.quality.intake import PRICES, ROW, SIZES, Intake
from datasets.quality.merge import keys
from datasets.quality.result import Block, Findings, Sample


@dataclass(slots=True)
class Job:
    """What one scan is about, shared by its lanes."""

    kind: str
    venue: str
    limits: dict[str, Any]
    calendar: str | None
    interval: str | None  # declared
    latest_ns: int
    has_ids: bool  # trade ids are mapped
    has_sequence: bool
    folder: Path
    intake: Intake
    dropped: Findings

    @property
    def text_ids(self) -> bool:
        """Tell whether trades may carry ids that are text."""
        return self.kind == kinds.TRADES and self.has_ids


class Lane:
    """Writes and checks one instrument. `write` rows in order, then `close`; or `give_up` and `read` it back."""

    def __init__(self, job: Job, name: str, path: Path):
        self.job, self.name, self.path = job, name, path
        self.findings = Findings()
        self.beat: Rhythm | None = None
        self.checks: list[checks.Check] | None = None
        self.repeats = self._repeats()
        self.held: list[pa.Table] = []
        self.held_rows = 0
        self.writer: canonical.CanonicalWriter | None = None
        self.rows_path = path.with_suffix(".rows")
        self.rows_file: BinaryIO | None = None
        self.rows = 0
        self.last_key: tuple[int, int] | None = None
        self.last_id: int | None = None
        self.ids_ascend = True
        self.ids_are_text = False

    def _repeats(self) -> Repeats | None:
        job = self.job
        if job.kind == kinds.BARS or (job.kind == kinds.TRADES and (job.has_ids or job.has_sequence)):
            return Repeats(job.dropped, self.findings, job.kind, unique_ids=job.has_ids)
        return None

    def write(self, table: pa.Table) -> None:
        """Take rows in canonical order."""
        if not table.num_rows:
            return
        ts, sequence = keys(table.slice(table.num_rows - 1))
        self.last_key = int(ts[0]), int(sequence[0])
        if self.checks is not None:
            self._process(table)
            return
        self.held.append(table)
        self.held_rows += table.num_rows
        if self.job.kind != kinds.BARS or self.held_rows >= rhythm.ROWS:
            self._begin()

    def _begin(self) -> None:
        # how the rows came in pieces must not decide the rhythm: always the first ROWS of them
        job, table = self.job, pa.concat_tables(self.held)
        self.held = []
        interval = ""
        if job.kind == kinds.BARS:
            self.beat = rhythm.read(keys(table.slice(0, rhythm.ROWS))[0], job.interval, job.calendar)
            interval = self.beat.interval.text if self.beat.interval else ""
        self.checks = checks.suite(job.kind, self.findings, job.limits, job.latest_ns, job.calendar, self.beat)
        if job.kind == kinds.QUOTES or (job.kind == kinds.TRADES and self.repeats is None):
            self.checks.append(EqualRows(self.findings))
        metadata = schemas.metadata(job.kind, self.name, job.venue, interval)
        self.writer = canonical.writer(self.path, job.kind, metadata)
        self.rows_file = self.rows_path.open("wb")
        self._process(table)

    def _process(self, table: pa.Table) -> None:
        assert self.checks is not None
        assert self.writer is not None
        assert self.rows_file is not None
        block = self.block(table)
        if self.repeats is not None:
            table, block = self._drop(table, block)
        if not len(block):
            return
        self._watch_ids(table)
        with np.errstate(all="ignore"):  # of extreme values come infinities, which compare as they should
            for check in self.checks:
                check.push(block)
        block.row.tofile(self.rows_file)
        self.writer.write(table.drop_columns([ROW]))
        self.rows += len(block)

    def block(self, table: pa.Table) -> Block:
        """Return the rows as the checks want them."""
        kind = self.job.kind
        names = [*PRICES[kind], *SIZES[kind], *(("side",) if kind == kinds.TRADES else ())]
        columns = {name: _floats(table.column(name)) for name in names}
        if kind == kinds.QUOTES and self.job.has_sequence:
            columns["sequence"] = _floats(table.column("sequence"))
        ts = table.column("ts_event").cast(pa.int64()).to_numpy()
        return Block(self.name, ts, table.column(ROW).to_numpy(), columns)

    def _drop(self, table: pa.Table, block: Block) -> tuple[pa.Table, Block]:
        assert self.repeats is not None
        if self.job.kind == kinds.BARS:
            drop = self.repeats.push(block, [block.ts], np.ones(len(block), bool))
        elif self.job.text_ids and table.column("trade_id").null_count < table.num_rows:
            self.ids_are_text = True
            return table, block
        else:
            known = table.column("sequence").is_valid().to_numpy()
            drop = self.repeats.push(block, [block.ts, keys(table)[1]], known)
        if not drop.any():
            return table, block
        reason = "DUPLICATE_BAR" if self.job.kind == kinds.BARS else "DUPLICATE_ID"
        self.reject(table.filter(pa.array(drop)), reason)
        table = table.filter(pa.array(~drop))
        return table, self.block(table)

    def reject(self, table: pa.Table, reason: str) -> None:
        """Note rows that were dropped in the rejects file."""
        column = "ts_event" if self.job.kind == kinds.BARS else "trade_id" if self.ids_are_text else "sequence"
        values = table.column(column).cast(pa.string()).to_pylist()
        for row, value in zip(table.column(ROW).to_pylist(), values, strict=True):
            self.job.intake.rejects.add(row, self.job.intake.lines.of(row), column, value, reason)

    def _watch_ids(self, table: pa.Table) -> None:
        # ids that ascend strictly cannot repeat; only when they do not must all of them be compared
        if not self.job.text_ids or not self.ids_ascend or self.ids_are_text:
            return
        sequence = table.column("sequence").drop_null().to_numpy()
        if not len(sequence):
            return
        ascends = self.last_id is None or int(sequence[0]) > self.last_id
        self.ids_ascend = ascends and bool((sequence[1:] > sequence[:-1]).all())
        self.last_id = int(sequence[-1])

    def close(self) -> canonical.Written | None:
        """Finish file and checks; None when there were no rows."""
        if self.held:
            self._begin()
        if self.checks is None or self.writer is None or self.rows_file is None:
            return None
        with np.errstate(all="ignore"):
            checks.finish(self.checks)
        self._judge_rhythm()
        self.rows_file.close()
        return self.writer.close()

    def _judge_rhythm(self) -> None:
        beat = self.beat
        if beat is None or self.rows < 2:
            return
        with self.rows_path.open("rb") as file:
            first = Sample(int(np.fromfile(file, np.int64, 1)[0]), None, "no regular interval", self.name)
        if beat.calendar == rhythm.UNKNOWN:
            self.findings["sessions.calendar"].add_one(Sample(first.row, None, "hours unknown", self.name))
        if beat.interval is None:
            self.findings["interval.known"].add_one(first)
        elif beat.found is None or beat.found.text != beat.interval.text:
            first.value = f"found {beat.found.text if beat.found else 'none'}, declared {beat.interval.text}"
            self.findings["interval.declared"].add_one(first)

    def give_up(self) -> None:
        """Stop writing because a row came too late; what is written can be read back, its findings are void."""
        if self.held:
            self._begin()
        if self.writer is not None and self.rows_file is not None:
            self.rows_file.close()
            self.writer.close()
        self.findings = Findings()

    def read(self) -> Iterator[pa.Table]:
        """Yield the rows written, with their record numbers."""
        if self.writer is None:
            return
        parquet = pq.ParquetFile(self.path)
        with self.rows_path.open("rb") as rows:
            for number in range(parquet.num_row_groups):
                table = parquet.read_row_group(number)
                yield table.append_column(ROW, pa.array(np.fromfile(rows, np.int64, table.num_rows)))

    def remove(self, *, rows_only: bool = False) -> None:
        """Delete the record numbers, and the file too unless told not to."""
        self.rows_path.unlink(missing_ok=True)
        if not rows_only:
            self.path.unlink(missing_ok=True)


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    if not pa.types.is_floating(column.type):
        column = column.cast(pa.float64(), safe=False)
    return column.to_numpy()
