"""One pass over a raw file: read, map, split by instrument, check, write canonical Parquet, report.

Instruments that arrive in order stream straight into their lanes; what waits there beyond a bound waits on disk. One
that does not goes to sorted runs on disk that are merged at the end: memory stays flat at any size, and the files are
the same either way. A file that is bad is a RED report, never an exception.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from datasets.formats import readers, streams, targets
from datasets.formats.batches import MappedBatch
from datasets.formats.errors import ColumnMissing, MappingIncomplete
from datasets.market import calendars, intervals, kinds, schemas
from datasets.quality import identity, report, strips, thresholds
from datasets.quality.checks import rhythm
from datasets.quality.checks.times import Order
from datasets.quality.intake import ROW, Intake, Rejects
from datasets.quality.lanes import Job, Lane
from datasets.quality.merge import Runs, by_code
from datasets.quality.progress import Progress
from datasets.quality.result import SAMPLES, Findings, Sample
from datasets.quality.strips import Strip
from datasets.quality.waiting import Room
from tradenexus.errors import Unprocessable

SLICE_ROWS = 1024  # batches are gathered until their instruments have about so many rows each,
SPLIT_ROWS = 262_144  # or until there are so many in all
RUN_ROWS = 524_288  # rows sorted at once
SETTLE_SPLITS = 16
_DROPS = ("duplicates.ids", "duplicates.bars", "duplicates.bar_conflicts")


def scan(
    params: dict[str, Any],
    emit: Callable[[dict[str, Any]], None],
    change: Callable[[MappedBatch], MappedBatch] = lambda batch: batch,
) -> dict[str, Any]:
    """Check a raw file and write its canonical files to `out_dir` -> {files, report, rejects, rows, interval}.

    params: raw (path), plan, profile, thresholds, calendar, interval, out_dir, symbol, venue, nowNs, samples, and
    `stop` when only the bytes before it are here: that they end there is then no fault; or `growing`, an open
    formats.growing file of `size` bytes (None when nobody knows) in place of `raw`. `change` may leave rows out or
    alter them before they are looked at. Refuses ThresholdUnknown, CalendarUnknown, FrequencyUnsupported and what is
    wrong with the plan; whatever is wrong with the file is in the report.
    """
    started = time.monotonic()
    limits = thresholds.resolve(params.get("profile"), params.get("thresholds"))
    found = _Scan(params, limits)
    with _opened(params, found.plan) as file:
        size, done = _expected(params, file), 0
        progress = Progress(emit, "validate", size, "bytes")
        try:
            for batch in readers.mapped_batches(file, found.plan):
                found.take(change(batch))
                done = batch.bytes_read
                progress.report(done, rows=found.intake.read)
            done = size or done
        except (MappingIncomplete, ColumnMissing):
            raise  # the plan is wrong, not the file
        except Unprocessable as problem:
            if not isinstance(file, streams.Prefix) or file.tell() < file.stop:
                found.stopped(problem)
    progress.report(done, last=True, rows=found.intake.read)
    answer = found.finish(params.get("profile") or "standard")
    answer["report"]["durationMs"] = round((time.monotonic() - started) * 1000)
    return answer


def again(
    params: dict[str, Any], batches: Iterable[MappedBatch], rows: int, emit: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Check rows that were mapped before, about `rows` of them; params and answer as of `scan`, without raw."""
    started = time.monotonic()
    found = _Scan(params, thresholds.resolve(params.get("profile"), params.get("thresholds")))
    progress = Progress(emit, "validate", rows, "rows")
    for batch in batches:
        found.take(batch)
        progress.report(found.intake.read, rows=found.intake.read)
    progress.report(rows, last=True, rows=found.intake.read)
    answer = found.finish(params.get("profile") or "standard")
    answer["report"]["durationMs"] = round((time.monotonic() - started) * 1000)
    return answer


def _opened(params: dict[str, Any], plan: dict[str, Any]) -> Any:
    if params.get("growing") is not None:
        return nullcontext(params["growing"])
    if params.get("stop") is None:
        return streams.open_raw(params["raw"])
    with streams.open_raw(params["raw"]) as file:
        plain = plan["format"] in ("csv", "jsonl") and streams.packing(file.read(4)) is None
    return streams.open_prefix(params["raw"], params["stop"], whole_lines=plain)


def _expected(params: dict[str, Any], file: Any) -> int | None:
    if params.get("growing") is not None:
        return params.get("size")
    if isinstance(file, streams.Prefix):
        return file.stop
    raw = params["raw"]
    return os.fstat(raw).st_size if isinstance(raw, int) else Path(raw).stat().st_size


class _Instrument:
    """Where the rows of one symbol go: a lane of their own, or the runs."""

    def __init__(self, number: int, name: str, lane: Lane):
        self.number, self.name, self.lane = number, name, lane
        self.late = False  # its lane was given up


class _Scan:
    def __init__(self, params: dict[str, Any], limits: dict[str, Any]):
        self.plan = dict(params["plan"])
        if params.get("symbol") and not self.plan.get("symbol"):
            self.plan["symbol"] = params["symbol"]
        self.limits, self.kind = limits, self.plan["kind"]
        self.folder = Path(params["out_dir"])
        self.findings = Findings(params.get("samples") or SAMPLES)
        self.rejects = Rejects(self.folder / "rejects.jsonl")
        self.intake = Intake(self.kind, self.findings, self.rejects)
        self.order = Order(self.findings)
        self.instruments: list[_Instrument] = []
        self.by_name: dict[str, _Instrument] = {}
        self.room = Room(self.folder)
        self.gathered: list[tuple[np.ndarray, Strip]] = []  # codes and rows of batches that are not split yet
        self.gathered_rows = 0
        self.splits = 0
        self.names: pa.Array | None = None  # of the last batch
        self.numbers = np.empty(0, np.int64)  # of these names
        self.schema = schemas.SCHEMAS[self.kind].append(pa.field(ROW, pa.int64()))
        self.runs = Runs(self.folder, RUN_ROWS)
        self.job = self._job(params)
        self.files: list[dict[str, Any]] = []

    def _job(self, params: dict[str, Any]) -> Job:
        mapping = targets.canonical(self.kind, self.plan["columnMapping"])
        now_ns = params.get("nowNs") or time.time_ns()
        calendar = params.get("calendar") or None
        if calendar not in (None, calendars.CONTINUOUS, rhythm.WEEKDAYS) and not calendars.exists(str(calendar)):
            raise calendars.CalendarUnknown(f"There is no calendar called {str(calendar)[:40]!r}.")
        if params.get("interval"):
            intervals.parse(params["interval"])
        return Job(
            kind=self.kind,
            venue=params.get("venue") or self.plan.get("venue") or "",
            limits=self.limits,
            calendar=calendar,
            interval=params.get("interval") or None,
            latest_ns=now_ns + int(self.limits["future_s"] * 1e9),
            has_ids="trade_id" in mapping,
            has_sequence="sequence" in mapping,
            folder=self.folder,
            intake=self.intake,
            dropped=Findings(self.findings.most),
            room=self.room,
        )

    # --- while reading

    def take(self, batch: MappedBatch) -> None:
        table = self.intake.accept(batch)
        if not table.num_rows:
            return
        codes, table = self._codes(table.combine_chunks())
        if not table.num_rows:
            return
        self.gathered.append((codes, strips.of(table)))
        self.gathered_rows += len(codes)
        if self.gathered_rows >= min(SLICE_ROWS * len(self.instruments), SPLIT_ROWS):
            self._split()

    def _split(self) -> None:
        if not self.gathered:
            return
        codes = np.concatenate([each for each, _ in self.gathered])
        strip = strips.joined([each for _, each in self.gathered])
        cuts = [int(each.row[0]) for _, each in self.gathered]
        self.gathered, self.gathered_rows = [], 0
        if (codes[1:] != codes[:-1]).any():
            grouped = by_code(codes)
            codes, strip = codes[grouped], strip.take(grouped)
        self.order.push(codes, strip.ts, strip.row, [each.name for each in self.instruments], cuts)
        self._route(codes, strip)
        self.splits += 1
        if self.splits % SETTLE_SPLITS == 0:
            for instrument in self.instruments:
                instrument.lane.filling.settle()

    def _codes(self, table: pa.Table) -> tuple[np.ndarray, pa.Table]:
        symbols = table.column(kinds.SYMBOL).unify_dictionaries().combine_chunks()
        if isinstance(symbols, pa.ChunkedArray):
            symbols = symbols.chunk(0)
        indices = symbols.indices.to_numpy(zero_copy_only=False)
        codes = self._known(symbols.dictionary, indices)[indices]
        table = table.drop_columns([kinds.SYMBOL])
        over = codes < 0
        if not over.any():
            return codes, table
        rest = table.append_column("symbol", symbols.cast(pa.string())).filter(pa.array(over))
        self.intake.leave_out(rest, "symbol", "TOO_MANY_INSTRUMENTS", "schema.instruments")
        return codes[~over], table.filter(pa.array(~over))

    def _known(self, names: pa.Array, indices: np.ndarray) -> np.ndarray:
        """Return the numbers of names, -1 for those that no row has or that are beyond the limit."""
        if self.names is not None and names.equals(self.names) and (self.numbers >= 0).all():
            return self.numbers
        texts = names.to_pylist()
        used = range(len(texts)) if len(texts) <= 1 else np.flatnonzero(np.bincount(indices)).tolist()
        self.names, self.numbers = names, np.full(max(len(texts), 1), -1, dtype=np.int64)
        for number in used:
            self.numbers[number] = self._number(texts[number])
        return self.numbers

    def _number(self, name: str) -> int:
        instrument = self.by_name.get(name)
        if instrument is None:
            if len(self.instruments) >= int(self.limits["max_instruments"]):
                return -1
            number = len(self.instruments)
            lane = Lane(self.job, name, self.folder / f"{number:05d}.parquet")
            instrument = _Instrument(number, name, lane)
            self.instruments.append(instrument)
            self.room.enter(len(self.instruments))
            self.by_name[name] = instrument
        return instrument.number

    def _route(self, codes: np.ndarray, strip: Strip) -> None:
        starts = np.flatnonzero(np.concatenate(([True], codes[1:] != codes[:-1])))
        ends = np.append(starts[1:], len(codes))
        late: list[list[int]] = []  # stretches of rows that go to the runs
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            instrument = self.instruments[codes[start]]
            if not instrument.late:
                self._give_up(instrument, instrument.lane.push(strip, start, end))
            elif late and late[-1][1] == start:
                late[-1][1] = end
            else:
                late.append([start, end])
        for start, end in late:
            self.runs.add(strip.slice(start, end).table(self.schema), codes[start:end])

    def _give_up(self, instrument: _Instrument, arrived: Strip | None) -> None:
        if arrived is not None:
            instrument.lane.give_up()
            instrument.late = True
            self.runs.add(arrived.table(self.schema), np.full(arrived.rows, instrument.number))

    def stopped(self, problem: Unprocessable) -> None:
        """Note that the file could not be read further."""
        details = {
            name: problem.details[name] for name in ("row", "line") if isinstance(problem.details.get(name), int)
        }
        row = details.get("row", self.intake.read)
        reason = f"{problem.code}: {problem.message}"
        self.findings["schema.file"].add_one(Sample(row, None, reason, line=details.get("line")))

    # --- at the end

    def finish(self, profile: str) -> dict[str, Any]:
        self._split()
        for instrument in self.instruments:
            if not instrument.late:
                self._give_up(instrument, instrument.lane.settle())
        self.runs.settle()
        for instrument in self.instruments:
            self._settle(instrument)
        self.runs.remove()
        self.room.close()
        self.rejects.close()
        self.findings.merge(self.job.dropped)
        self._judge_intervals()
        rows = self._rows()
        if not rows["accepted"]:
            self.findings["schema.rows"].add_one(Sample(0, None, "no rows"))
        body = report.build(self.kind, self.findings, rows, self.limits, profile, self.intake.lines)
        body["calendars"] = sorted({file.pop("calendar") for file in self.files} - {""})
        intervals = {file["interval"] for file in self.files}
        return {
            "files": self.files,
            "report": body,
            "rejects": {"path": str(self.rejects.path), "count": self.rejects.count, "written": self.rejects.written},
            "rows": rows,
            "interval": intervals.pop() if len(intervals) == 1 else None,
        }

    def _settle(self, instrument: _Instrument) -> None:
        lane = instrument.lane
        if instrument.late:
            merged = Lane(self.job, instrument.name, self.folder / f"{instrument.number:05d}.merged.parquet")
            for table in self.runs.read(instrument.number, lane.read()):
                merged.push(strips.of(table), 0, table.num_rows)
            merged.settle()
            lane.remove()
            lane = merged
        written = lane.close()
        column = "trade_id" if lane.ids_are_text else "sequence"
        if written is not None and self.job.text_ids and (lane.ids_are_text or not lane.ids_ascend):
            marks = identity.repeats(lane.path, column, self.folder)
            if marks is not None:
                lane, written = self._without(lane, marks)
        if written is not None and written.rows:
            path = self.folder / f"{instrument.number:05d}.parquet"
            lane.path.rename(path)
            self._file(lane, written, path)
        self.findings.merge(lane.findings)

    def _without(self, lane: Lane, marks: np.ndarray) -> tuple[Lane, Any]:
        clean = Lane(self.job, lane.name, lane.path.with_suffix(".unique.parquet"))
        clean.ids_are_text = lane.ids_are_text
        at = 0
        for table in lane.read():
            drop = marks[at : at + table.num_rows]
            at += table.num_rows
            strip = strips.of(table)
            if drop.any():
                gone = strip.take(drop)
                clean.reject(gone, "DUPLICATE_ID")
                block = clean.block(gone)
                self.job.dropped["duplicates.ids"].add(block, np.ones(len(block), bool), block["price"])
                strip = strip.take(~drop)
            clean.push(strip, 0, strip.rows)
        clean.settle()
        lane.remove()
        return clean, clean.close()

    def _file(self, lane: Lane, written: Any, path: Path) -> None:
        beat = lane.beat
        self.files.append(
            {
                "instrument": lane.name,
                "venue": self.job.venue,
                "path": str(path),
                "rows": written.rows,
                "sizeBytes": written.size_bytes,
                "sha256": written.sha256,
                "t0Ns": written.t0_ns,
                "t1Ns": written.t1_ns,
                "interval": beat.interval.text if beat and beat.interval else None,
                "calendar": f"{beat.calendar}{' (inferred)' if beat.inferred else ''}" if beat else "",
            }
        )

    def _judge_intervals(self) -> None:
        if self.kind != kinds.BARS or len(self.files) < 2:
            return
        first = self.files[0]["interval"]
        for file in self.files[1:]:
            if file["interval"] not in (None, first) and file["rows"] > 1:
                value = f"{file['interval']}, others {first}"
                self.findings["interval.known"].add_one(Sample(0, file["t0Ns"], value, file["instrument"]))

    def _rows(self) -> dict[str, int]:
        accepted = sum(file["rows"] for file in self.files)
        dropped = sum(self.findings[check].count for check in _DROPS)
        rejected = self.intake.rejected
        return {"read": self.intake.read, "accepted": accepted, "rejected": rejected, "duplicatesDropped": dropped}
