"""A fix, in a capped child: rows of a source -> steps of a recipe -> the same pass that judges every upload.

The source is a raw file that was never sealed (read through the mapping that was settled), or canonical files. Each
duplicate search is a pass of its own, what a check names one more; then everything goes through the scan once, which
writes the canonical files. The same source and recipe give the same bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.formats import readers
from datasets.formats.batches import MappedBatch
from datasets.formats.errors import ColumnMissing, MappingIncomplete
from datasets.market import kinds, schemas
from datasets.quality import checks, scan
from datasets.transforms import recipe
from datasets.transforms.applying import Applied
from datasets.transforms.marks import Duplicates, Marks
from tradenexus.errors import Unprocessable

BATCH_ROWS = 131_072
NAMED_ROWS = 200_000
_SCAN = ("profile", "thresholds", "calendar", "interval", "symbol", "venue", "nowNs")

Emit = Callable[[dict[str, Any]], None]


class CheckTooWide(Unprocessable):
    """The check finds more rows than can be named one by one. Say which are meant as a condition or a time range."""

    code = "RECIPE_CHECK_TOO_WIDE"


def build(params: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Return scan's answer with `kind` and `recipe`.

    recipe: {steps: [{step, op, words, touched, samples, refused}], rowsIn, rowsOut}.

    params: steps, plan (kind, columnMapping, ...), raw or inputs [{instrument, path, rows}], preview, out_dir, and what
    `quality.scan` takes of profile, thresholds, calendar, interval, symbol, venue, nowNs. A preview writes no file that
    is kept, and a step that must match and does not is told as `refused` instead of raised. RecipeInvalid,
    CheckTooWide, LocalTimesRefused, TimesOutOfRange, StepMatchesNothing.
    """
    steps = recipe.parse(params["steps"], params["plan"]["kind"], {spec.id for spec in checks.SPECS})
    source = _Source(params)
    applied = Applied(steps, _marks(source, steps, emit))
    answer = source.scan(emit, applied, Path(params["out_dir"]))
    told = applied.told()
    if not params.get("preview"):
        applied.refuse_idle()
    for step, did in zip(steps, told, strict=True):
        did["refused"] = bool(step.get("mustMatch")) and not did["touched"]
    return {
        **answer,
        "kind": params["plan"]["kind"],
        "recipe": {"steps": told, "rowsIn": applied.rows_in, "rowsOut": applied.rows_out},
    }


class _Source:
    """Rows to be fixed, readable as often as needed."""

    def __init__(self, params: dict[str, Any]):
        self.params = params
        self.plan = dict(params["plan"])
        if params.get("symbol") and not self.plan.get("symbol"):
            self.plan["symbol"] = params["symbol"]
        self.folder = Path(params["out_dir"])

    def batches(self) -> Iterator[MappedBatch]:
        """Yield the rows as they are; a raw file that cannot be read further ends there, as it does in the scan."""
        if not self.params.get("raw"):
            yield from _canonical(self.params["inputs"], self.plan["kind"])
            return
        try:
            yield from readers.open_batches(self.params["raw"], self.plan)
        except (MappingIncomplete, ColumnMissing):
            raise
        except Unprocessable:
            return

    def scan(self, emit: Emit, applied: Applied, folder: Path, samples: int | None = None) -> dict[str, Any]:
        """Judge the rows as the steps leave them; canonical files go to `folder`."""
        wanted = {name: self.params.get(name) for name in _SCAN}
        wanted |= {"plan": self.plan, "out_dir": str(folder), "samples": samples}
        if self.params.get("raw"):
            return scan.scan({**wanted, "raw": self.params["raw"]}, emit, applied.change)
        rows = sum(int(each["rows"]) for each in self.params["inputs"])
        return scan.again(wanted, map(applied.change, self.batches()), rows, emit)


def _marks(source: _Source, steps: list[dict[str, Any]], emit: Emit) -> dict[int, Marks]:
    wanted = {step["check"] for step in steps if step.get("check")}
    named = _named(source, wanted, emit) if wanted else {}
    marks: dict[int, Marks] = {}
    for number, step in enumerate(steps):
        if step.get("check"):
            marks[number] = named[step["check"]]
        elif step["op"] == "dedupe":
            marks[number] = _duplicates(source, Applied(steps[:number], marks), step)
    return marks


def _named(source: _Source, wanted: set[str], emit: Emit) -> dict[str, Marks]:
    """Return the rows that checks name, found again: a report shows the first twenty only."""
    folder = source.folder / "named"
    folder.mkdir()
    found = source.scan(emit, Applied([], {}), folder, NAMED_ROWS)["report"]["checks"]
    shutil.rmtree(folder)
    told = {check["id"]: check for check in found if check["id"] in wanted}
    marks = {}
    for name in wanted:
        check = told.get(name, {"count": 0, "samples": []})
        if check["count"] > len(check["samples"]):
            words = f"{name} finds {check['count']:,} rows, more than can be named one by one"
            raise CheckTooWide(words, {"check": name, "count": check["count"]})
        marks[name] = Marks()
        marks[name].add(np.array([sample["row"] for sample in check["samples"]], np.int64))
    return marks


def _duplicates(source: _Source, before: Applied, step: dict[str, Any]) -> Marks:
    found = Duplicates(step["by"], step["keep"], source.folder)
    for batch in map(before.change, source.batches()):
        if batch.table.num_rows:
            symbols = batch.table.column(kinds.SYMBOL).cast(pa.string()).combine_chunks()
            found.push(batch.table, symbols, batch.row)
    return found.marks()


def _canonical(inputs: list[dict[str, Any]], kind: str) -> Iterator[MappedBatch]:
    schema = schemas.mapped(kind)
    row = 0
    for each in inputs:
        names = pa.array([each["instrument"]], pa.string())
        for batch in pq.ParquetFile(each["path"], pre_buffer=False).iter_batches(BATCH_ROWS, use_threads=False):
            table = pa.Table.from_batches([batch])
            symbols = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(batch), np.int32)), names)
            columns = [_column(table, field, symbols) for field in schema]
            yield MappedBatch(pa.table(columns, schema=schema), np.arange(row, row + len(batch)))
            row += len(batch)


def _column(table: pa.Table, field: pa.Field, symbols: pa.DictionaryArray) -> Any:
    if field.name == kinds.SYMBOL:
        return symbols
    if field.name not in table.column_names:
        return pa.nulls(table.num_rows, field.type)
    values = table.column(field.name).cast(field.type)
    # A bar of the lake that says nothing of it was not filled in.
    return values.fill_null(False) if field.name == "filled" else values
