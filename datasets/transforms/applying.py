"""Follows a recipe over batches of mapped rows, in file order: counts what each step touches and keeps examples.

A batch comes in and one goes out; what is left out or altered depends on the rows alone, not on how they are batched.
Values are null, NaN where a reader had none to give; neither meets a condition but `null`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.formats import zones
from datasets.formats.batches import MappedBatch
from datasets.market.kinds import SYMBOL
from datasets.market.schemas import TIMESTAMP
from datasets.market.times import time_text
from datasets.transforms import recipe
from datasets.transforms.marks import Marks
from tradenexus.errors import Unprocessable

SAMPLES = 20
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
    "==": pc.equal,
    "!=": pc.not_equal,
}


class LocalTimesRefused(Unprocessable):
    """Some times do not exist in the zone, or exist twice (the hours when clocks change). `details` shows the first
    ones. Nothing can tell which moment is meant: drop these rows first, or shift by seconds."""

    code = "RECIPE_LOCAL_TIME"


class TimesOutOfRange(Unprocessable):
    """Shifted so far, some times would lie outside the years that can be stored."""

    code = "RECIPE_TIME_RANGE"


class StepMatchesNothing(Unprocessable):
    """A step that must match touches no row. `details` names the step; nothing was written."""

    code = "RECIPE_STEP_MATCHES_NOTHING"


class Applied:
    """The steps at work, in order; `marks[n]` are the rows that step n drops where the row alone does not tell."""

    def __init__(self, steps: list[dict[str, Any]], marks: dict[int, Marks]):
        self.steps, self.marks = steps, marks
        self.touched = [0] * len(steps)
        self.samples: list[list[dict[str, Any]]] = [[] for _ in steps]
        self.unsure: dict[int, dict[str, Any]] = {}  # local times that do not say which moment they are
        self.rows_in = self.rows_out = 0

    def change(self, batch: MappedBatch) -> MappedBatch:
        """Return the batch as the steps leave it."""
        self.rows_in += batch.table.num_rows + _records(batch)
        for number, step in enumerate(self.steps):
            batch = getattr(self, f"_{step['op']}")(number, step, batch)
        self.rows_out += batch.table.num_rows + _records(batch)
        return batch

    def told(self) -> list[dict[str, Any]]:
        """Return what each step did: {step, op, words, touched, samples}; LocalTimesRefused if one could not."""
        for number, found in self.unsure.items():
            zone = self.steps[number]["zone"]
            words = (
                f"step {number + 1} (shift): {found['missing']} time(s) do not exist in {zone}, {found['double']} twice"
            )
            raise LocalTimesRefused(words, {"step": number + 1, **found})
        return [
            {
                "step": number + 1,
                "op": step["op"],
                "words": recipe.words(step),
                "touched": self.touched[number],
                "samples": self.samples[number],
            }
            for number, step in enumerate(self.steps)
        ]

    def refuse_idle(self) -> None:
        """Refuse a step that must match and did not."""
        for number, step in enumerate(self.steps):
            if step.get("mustMatch") and not self.touched[number]:
                words = f"step {number + 1} ({step['op']}) touches no row: {recipe.words(step)}"
                raise StepMatchesNothing(words, {"step": number + 1})

    # --- the steps

    def _drop(self, number: int, step: dict[str, Any], batch: MappedBatch) -> MappedBatch:
        if step.get("check"):
            return self._without(number, batch, self._marked(number, step, batch))
        meant = self._meant(step, batch)
        if step.get("where"):
            found = [_holds(each, batch.table) for each in step["where"]]
            meant &= np.logical_or.reduce(found) if step["match"] == "any" else np.logical_and.reduce(found)
        return self._without(number, batch, meant)

    def _dedupe(self, number: int, step: dict[str, Any], batch: MappedBatch) -> MappedBatch:
        return self._without(number, batch, self._marked(number, step, batch))

    def _clip_range(self, number: int, step: dict[str, Any], batch: MappedBatch) -> MappedBatch:
        outside = _of_instrument(step, batch.table) & ~self._meant(step, batch)
        return self._without(number, batch, outside)

    def _shift(self, number: int, step: dict[str, Any], batch: MappedBatch) -> MappedBatch:
        meant = _of_instrument(step, batch.table)
        old = _ns(batch.table)
        new = self._zoned(number, step["zone"], batch, meant) if "zone" in step else _moved(old, step["seconds"], meant)
        times = pa.array(np.where(meant, new, old), pa.int64()).cast(TIMESTAMP)
        return self._altered(number, batch, {"ts_event": times}, meant & (new != old))

    def _scale(self, number: int, step: dict[str, Any], batch: MappedBatch) -> MappedBatch:
        meant = self._meant(step, batch)
        times, over = recipe.ratio(step["factor"])
        changed, touched = {}, np.zeros(len(meant), bool)
        for name in step["columns"]:
            old = batch.table.column(name).combine_chunks()
            values = old.fill_null(np.nan).to_numpy(zero_copy_only=False)
            with np.errstate(all="ignore"):
                new = np.where(meant, values * times / over, values)
            touched |= (new != values) & ~np.isnan(values)
            changed[name] = pc.if_else(old.is_valid(), pa.array(new), pa.scalar(None, old.type))
        return self._altered(number, batch, changed, touched)

    # --- which rows

    def _meant(self, step: dict[str, Any], batch: MappedBatch) -> np.ndarray:
        meant = _of_instrument(step, batch.table)
        if step.get("from"):
            meant &= _ns(batch.table) >= recipe.ns_of(step["from"])
        if step.get("to"):
            meant &= _ns(batch.table) < recipe.ns_of(step["to"])
        return meant

    def _marked(self, number: int, step: dict[str, Any], batch: MappedBatch) -> np.ndarray:
        return self.marks[number].of(batch.row) & _of_instrument(step, batch.table)

    def _zoned(self, number: int, zone: str, batch: MappedBatch, meant: np.ndarray) -> np.ndarray:
        naive = pa.array(_ns(batch.table), pa.int64()).cast(pa.timestamp("ns"))
        utc, missing, double = zones.to_utc(naive, zone)
        for name, marked in (("missing", missing & meant), ("double", double & meant)):
            if marked.any():
                found = self.unsure.setdefault(number, {"missing": 0, "double": 0, "samples": []})
                found[name] += int(marked.sum())
                for at in np.flatnonzero(marked)[: SAMPLES - len(found["samples"])].tolist():
                    shown = {"row": int(batch.row[at]), "ts": time_text(int(_ns(batch.table)[at])), "why": name}
                    found["samples"].append(shown)
        return np.asarray(utc.cast(pa.int64()))

    # --- what becomes of them

    def _without(self, number: int, batch: MappedBatch, gone: np.ndarray) -> MappedBatch:
        self._count(number, batch, gone, None)
        batch = self._readable(number, batch)
        if not gone.any():
            return batch
        kept = ~gone
        line = None if batch.line is None else batch.line[kept]
        table = batch.table.filter(pa.array(kept))
        return MappedBatch(table, batch.row[kept], line, batch.rejects, batch.bytes_read)

    def _readable(self, number: int, batch: MappedBatch) -> MappedBatch:
        # Records that could not be read are rows of the source too: a check may have named them.
        step = self.steps[number]
        if not step.get("check") or step.get("instrument") or not batch.rejects:
            return batch
        gone = self.marks[number].of(np.array([each.row for each in batch.rejects], np.int64))
        last = -1
        for reject in (each for each, out in zip(batch.rejects, gone, strict=True) if out):
            if reject.row == last:  # several wrong cells of one record
                continue
            last = reject.row
            self.touched[number] += 1
            if len(self.samples[number]) < SAMPLES:
                before = {reject.column or "record": reject.value, "reason": reject.reason_code}
                self.samples[number].append({"row": reject.row, "instrument": "", "before": before, "after": None})
        kept = [each for each, out in zip(batch.rejects, gone, strict=True) if not out]
        return MappedBatch(batch.table, batch.row, batch.line, kept, batch.bytes_read)

    def _altered(
        self, number: int, batch: MappedBatch, changed: dict[str, pa.Array], touched: np.ndarray
    ) -> MappedBatch:
        table = batch.table
        for name, values in changed.items():
            table = table.set_column(table.column_names.index(name), name, values)
        after = MappedBatch(table, batch.row, batch.line, batch.rejects, batch.bytes_read)
        self._count(number, batch, touched, after)
        return after

    def _count(self, number: int, batch: MappedBatch, touched: np.ndarray, after: MappedBatch | None) -> None:
        self.touched[number] += int(np.count_nonzero(touched))
        for at in np.flatnonzero(touched)[: SAMPLES - len(self.samples[number])].tolist():
            before = _shown(batch.table, at)
            self.samples[number].append(
                {
                    "row": int(batch.row[at]),
                    "instrument": before.pop(SYMBOL),
                    "before": before,
                    "after": after and {name: each for name, each in _shown(after.table, at).items() if name != SYMBOL},
                }
            )


def _records(batch: MappedBatch) -> int:
    return len({each.row for each in batch.rejects})


def _of_instrument(step: dict[str, Any], table: pa.Table) -> np.ndarray:
    if not step.get("instrument"):
        return np.ones(table.num_rows, bool)
    same = pc.equal(table.column(SYMBOL).cast(pa.string()), step["instrument"]).combine_chunks()
    return np.asarray(same.fill_null(False).to_numpy(zero_copy_only=False)).astype(bool)


def _holds(condition: dict[str, Any], table: pa.Table) -> np.ndarray:
    column = table.column(condition["column"]).combine_chunks()
    if condition["op"] in recipe.NULLS:
        missing = pc.is_null(column, nan_is_null=True).to_numpy(zero_copy_only=False)
        return np.asarray(missing if condition["op"] == "null" else ~missing)
    other = table.column(condition["other"]).combine_chunks() if "other" in condition else None
    against = pa.scalar(condition["value"]) if other is None else other
    holds = _COMPARE[condition["op"]](column, against).fill_null(False).to_numpy(zero_copy_only=False)
    for each in (column, other):  # NaN differs from everything by IEEE, which is no answer here
        if each is not None and pa.types.is_floating(each.type):
            holds = holds & ~pc.is_nan(each).fill_null(True).to_numpy(zero_copy_only=False)
    return np.asarray(holds)


def _moved(old: np.ndarray, seconds: float, meant: np.ndarray) -> np.ndarray:
    by = recipe.nanoseconds(seconds)
    if len(old) and meant.any():
        ends = int(old[meant].min()) + by, int(old[meant].max()) + by
        if not (ends[0] > -(2**63) and ends[1] < 2**63):
            raise TimesOutOfRange(f"a shift by {seconds} s leads outside the years that can be stored")
    with np.errstate(over="ignore"):
        return old + np.int64(by)


def _ns(table: pa.Table) -> np.ndarray:
    return np.asarray(table.column("ts_event").cast(pa.int64()).to_numpy())


def _shown(table: pa.Table, at: int) -> dict[str, Any]:
    """Return a row as JSON values: times as exact text, and no value where there is none."""
    row: dict[str, Any] = {}
    for name in table.column_names:
        cell = table.column(name)[at]
        if name == "ts_event":
            row[name] = time_text(cell.cast(pa.int64()).as_py())
        elif (value := cell.as_py()) is not None:
            row[name] = value if not isinstance(value, float) or np.isfinite(value) else str(value)
    return row
