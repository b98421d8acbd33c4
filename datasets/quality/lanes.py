"""A lane: one instrument's rows in canonical order -> repeats dropped, checks, one canonical file.

Rows carry their record number in a `row` column; the numbers are kept until the lane is done with, so that a lane can
be read back with them. What was dropped is final; findings belong to the lane and go with it when it is given up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from datasets.quality.merge import arranged, end_of, keys_of
from datasets.quality.result import Block, Findings, Sample
from datasets.quality.strips import Strip, copied
from datasets.quality.waiting import Filling, Numbers, Pending, Room, without_numbers


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
    room: Room

    @property
    def names(self) -> list[str]:
        """Return the columns of a strip."""
        return [*schemas.SCHEMAS[self.kind].names, ROW]

    @property
    def text_ids(self) -> bool:
        """Tell whether trades may carry ids that are text."""
        return self.kind == kinds.TRADES and self.has_ids


class Lane:
    """Writes and checks one instrument. `push` rows, then `close`; or `give_up` and `read` it back."""

    def __init__(self, job: Job, name: str, path: Path):
        self.job, self.name, self.path = job, name, path
        self.findings = Findings(job.dropped.most)
        self.beat: Rhythm | None = None
        self.checks: list[checks.Check] | None = None
        self.repeats = self._repeats()
        self.filling = Filling()
        self.early = Pending(job.room)  # bars whose rhythm is not known yet
        self.pending = Pending(job.room)
        self.numbers = Numbers(job.room)
        self.writer: canonical.CanonicalWriter | None = None
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

    def push(self, strip: Strip, start: int, end: int) -> Strip | None:
        """Take rows in file order; return those that come too late to be written, in file order: then give it up."""
        look_rows = self.job.room.look_rows
        if not self.filling.rows and start == 0 and end == strip.rows >= look_rows:
            return self._look(strip)
        self.filling.add(strip, start, end, look_rows)
        return self.settle() if self.filling.rows >= look_rows else None

    def settle(self) -> Strip | None:
        """Look at the rows that wait; as `push`."""
        return self._look(self.filling.out(self.job.names)) if self.filling.rows else None

    def _look(self, arrived: Strip) -> Strip | None:
        ts, sequence = keys_of(arrived)
        order = arranged(ts, sequence)
        first, last = (0, -1) if order is None else (int(order[0]), int(order[-1]))
        if self.last_key is not None and end_of(ts, sequence, first) < self.last_key:
            return arrived
        self.last_key = end_of(ts, sequence, last)
        strip = arrived if order is None else arrived.take(order)
        if self.checks is not None:
            self._process(strip)
            return None
        self.early.add(strip)
        if self.job.kind != kinds.BARS or self.early.rows >= rhythm.ROWS:
            self._begin()
        return None

    def _begin(self) -> None:
        # how the rows came in pieces must not decide the rhythm: always the first ROWS of them
        job, strip = self.job, self.early.out()
        if job.kind == kinds.BARS:
            self.beat = rhythm.read(strip.ts[: rhythm.ROWS], job.interval, job.calendar)
        self.checks = checks.suite(job.kind, self.findings, job.limits, job.latest_ns, job.calendar, self.beat)
        if job.kind == kinds.QUOTES or (job.kind == kinds.TRADES and self.repeats is None):
            self.checks.append(EqualRows(self.findings))
        self._process(strip)

    def _process(self, strip: Strip) -> None:
        assert self.checks is not None
        block = self.block(strip)
        if self.repeats is not None:
            strip, block = self._drop(strip, block)
        if not len(block):
            return
        self._watch_ids(strip)
        with np.errstate(all="ignore"):  # of extreme values come infinities, which compare as they should
            for check in self.checks:
                check.push(block)
        self.numbers.add(block.row)
        self.rows += len(block)
        self.pending.add(without_numbers(strip))
        group = schemas.ROW_GROUP_ROWS[self.job.kind]
        if self.pending.rows >= group:
            self._write(self.pending.rows // group * group)

    def _write(self, rows: int) -> None:
        """Write that many of the rows that wait."""
        if not rows:
            return
        if self.writer is None:
            interval = self.beat.interval.text if self.beat and self.beat.interval else ""
            metadata = schemas.metadata(self.job.kind, self.name, self.job.venue, interval)
            self.writer = canonical.writer(self.path, self.job.kind, metadata)
        strip = self.pending.out()
        self.writer.write(strip.slice(0, rows).table(schemas.SCHEMAS[self.job.kind]))
        if rows < strip.rows:
            self.pending.add(copied(strip.slice(rows, strip.rows)))

    def block(self, strip: Strip) -> Block:
        """Return the rows as the checks want them."""
        kind = self.job.kind
        names = [*PRICES[kind], *SIZES[kind], *(("side",) if kind == kinds.TRADES else ())]
        columns = {name: strip.floats(name) for name in names}
        if kind == kinds.QUOTES and self.job.has_sequence:
            columns["sequence"] = strip.floats("sequence")
        return Block(self.name, strip.ts, strip.row, columns)

    def _drop(self, strip: Strip, block: Block) -> tuple[Strip, Block]:
        assert self.repeats is not None
        if self.job.kind == kinds.BARS:
            drop = self.repeats.push(block, [block.ts], None)
        elif self.job.text_ids and strip.null_count("trade_id") < strip.rows:
            self.ids_are_text = True
            return strip, block
        else:
            drop = self._repeated(strip, block, self.repeats)
        if drop is None:
            return strip, block
        reason = "DUPLICATE_BAR" if self.job.kind == kinds.BARS else "DUPLICATE_ID"
        self.reject(strip.take(drop), reason)
        strip = strip.take(~drop)
        return strip, self.block(strip)

    def _repeated(self, strip: Strip, block: Block, repeats: Repeats) -> np.ndarray | None:
        sequence = strip.columns["sequence"]
        if sequence is None:
            return repeats.push(block, [block.ts, np.zeros(len(block), np.int64)], np.zeros(len(block), bool))
        return repeats.push(block, [block.ts, sequence], strip.valid.get("sequence"))

    def reject(self, strip: Strip, reason: str) -> None:
        """Note rows that were dropped in the rejects file."""
        column = "ts_event" if self.job.kind == kinds.BARS else "trade_id" if self.ids_are_text else "sequence"
        table = strip.table(pa.schema([schemas.SCHEMAS[self.job.kind].field(column)]))
        values = table.column(0).cast(pa.string()).to_pylist()
        for row, value in zip(strip.row.tolist(), values, strict=True):
            self.job.intake.rejects.add(row, self.job.intake.lines.of(row), column, value, reason)

    def _watch_ids(self, strip: Strip) -> None:
        # ids that ascend strictly cannot repeat; only when they do not must all of them be compared
        sequence = strip.columns.get("sequence")
        if sequence is None or not self.job.text_ids or not self.ids_ascend or self.ids_are_text:
            return
        if "sequence" in strip.valid:
            sequence = sequence[strip.valid["sequence"]]
        if not len(sequence):
            return
        ascends = self.last_id is None or int(sequence[0]) > self.last_id
        self.ids_ascend = ascends and bool((sequence[1:] > sequence[:-1]).all())
        self.last_id = int(sequence[-1])

    def close(self) -> canonical.Written | None:
        """Finish file and checks, nothing being left to settle; None when there were no rows."""
        if self.early.rows:
            self._begin()
        if self.checks is None:
            return None
        with np.errstate(all="ignore"):
            checks.finish(self.checks)
        self._judge_rhythm()
        self._write(self.pending.rows)
        return self.writer.close() if self.writer is not None else None

    def _judge_rhythm(self) -> None:
        beat = self.beat
        if beat is None or self.rows < 2:
            return
        first = Sample(self.numbers.first or 0, None, "no regular interval", self.name)
        if beat.calendar == rhythm.UNKNOWN:
            self.findings["sessions.calendar"].add_one(Sample(first.row, None, "hours unknown", self.name))
        if beat.interval is None:
            self.findings["interval.known"].add_one(first)
        elif beat.found is None or beat.found.text != beat.interval.text:
            first.value = f"found {beat.found.text if beat.found else 'none'}, declared {beat.interval.text}"
            self.findings["interval.declared"].add_one(first)

    def give_up(self) -> None:
        """Stop writing because a row came too late; what is written can be read back, its findings are void."""
        if self.early.rows:
            self._begin()
        self._write(self.pending.rows)
        if self.writer is not None:
            self.writer.close()
        self.findings = Findings(self.job.dropped.most)

    def read(self) -> Iterator[pa.Table]:
        """Yield the rows written, with their record numbers."""
        if self.writer is None:
            return
        parquet, at = pq.ParquetFile(self.path), 0
        for number in range(parquet.num_row_groups):
            table = parquet.read_row_group(number)
            yield table.append_column(ROW, pa.array(self.numbers.between(at, at + table.num_rows)))
            at += table.num_rows

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)
