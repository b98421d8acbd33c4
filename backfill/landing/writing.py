"""What a child does for landing: pages of a vendor become one Parquet file in a lake table's columns and order.

Offline vendors are asked here; of the others the pages lie in files. Rows that stand in two pages alike are one row;
the same key with other values is Malformed. Nothing here knows the catalog.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from backfill.vendors.base import Page, Request
from backfill.vendors.errors import Malformed, NoData, VendorError
from datasets.lake import merging, segments
from datasets.market import tables
from datasets.market.tables import Table
from tradenexus.errors import ProblemError

Emit = Callable[[dict[str, Any]], None]


def fetch(params: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Ask an offline vendor for each request -> {answers}; it stops early once `most_rows` are there.

    params: adapter (dotted path), settings, requests [{table, instrument, startNs, endNs}], most_rows, gap_ns, out_dir.
    An answer is what was written or {error: {code, message, details}}.
    """
    vendor = importlib.import_module(params["adapter"]).connect(params["settings"])
    answers: list[dict[str, Any]] = []
    total = 0
    for number, asked in enumerate(params["requests"]):
        request = Request(asked["table"], asked["instrument"], asked["startNs"], asked["endNs"])
        answers.append(_answer(params, number, request.table, request.instrument, vendor.fetch(request)))
        total += answers[-1].get("rows", 0)
        emit({"phase": "fetch", "done": number + 1, "total": len(params["requests"]), "unit": "instruments"})
        if total >= params["most_rows"]:
            break
    return {"answers": answers}


def shape(params: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Make files of pages that were fetched elsewhere -> {answers}.

    params: works [{table, instrument, pages: [{file, startNs, endNs, fetchedAt}]}], gap_ns, out_dir; a page's file is
    JSON {column: values}.
    """
    return {
        "answers": [
            _answer(params, number, work["table"], work["instrument"], map(_page, work["pages"]))
            for number, work in enumerate(params["works"])
        ]
    }


def _page(told: dict[str, Any]) -> Page:
    columns = json.loads(Path(told["file"]).read_bytes())
    return Page(columns, told["startNs"], told["endNs"], datetime.fromisoformat(told["fetchedAt"]))


def _answer(params: dict[str, Any], number: int, named: str, instrument: str, pages: Iterable[Page]) -> dict[str, Any]:
    try:
        return _landed(params, number, tables.find(named), instrument, list(pages))
    except VendorError as told:
        return {"error": {"code": told.code, "message": told.message, "details": told.details}}


def _landed(params: dict[str, Any], number: int, table: Table, instrument: str, pages: list[Page]) -> dict[str, Any]:
    if not pages:
        raise NoData("the vendor gave no rows", benign=True)
    start, end = min(page.start_ns for page in pages), max(page.end_ns for page in pages)
    rows = _joined(table, [_shaped(table, page) for page in pages])
    ns = rows.column("ts_event").cast(pa.int64()).to_numpy()
    if not len(ns):
        raise NoData("the vendor gave no rows", benign=True)
    if ns[0] < start or ns[-1] >= end:
        raise Malformed("rows lie outside the range of their pages", {"firstNs": int(ns[0]), "lastNs": int(ns[-1])})
    written = segments.write(Path(params["out_dir"]) / f"{number:05d}.parquet", table, instrument, rows, refused=True)
    wide = np.flatnonzero(np.diff(ns) > params["gap_ns"])
    return {
        "path": written.path,
        "sha256": written.sha256,
        "rows": written.rows,
        "startNs": start,
        "endNs": end,
        "firstNs": int(ns[0]),
        "lastNs": int(ns[-1]),
        "fetchedAt": min(page.fetched_at for page in pages).isoformat(),
        "gaps": [[int(ns[at]), int(ns[at + 1])] for at in wide[:1000]],
    }


def _shaped(table: Table, page: Page) -> pa.Table:
    try:
        given = page.rows if isinstance(page.rows, pa.Table) else pa.table(dict(page.rows))
        rows = segments.shaped(table, given)
    except (pa.ArrowException, TypeError, ValueError) as fault:
        raise Malformed(f"the rows do not fit the table {table.name}: {str(fault)[:300]}") from fault
    except ProblemError as refused:
        raise Malformed(f"the rows do not fit the table {table.name}: {refused.message}", refused.details) from refused
    if rows.column("ts_event").null_count:
        raise Malformed(f"{rows.column('ts_event').null_count} row(s) have no time")
    return rows


def _joined(table: Table, parts: list[pa.Table]) -> pa.Table:
    rows = pa.concat_tables(parts).combine_chunks()
    if not table.key:
        order = np.argsort(rows.column("ts_event").cast(pa.int64()).to_numpy(), kind="stable")
        return rows.take(pa.array(order))
    rows = merging.ordered(table, rows).combine_chunks()
    doubled = _alike(rows, table.key)
    if not doubled.any():
        return rows
    other = doubled & ~_alike(rows, tuple(rows.column_names))
    if other.any():
        at = int(np.flatnonzero(other)[0]) + 1
        key = {name: str(rows.column(name)[at]) for name in table.key}
        raise Malformed("the vendor gives two rows with the same key and other values", {"key": key})
    return rows.filter(pa.array(np.concatenate(([True], ~doubled))))


def _alike(rows: pa.Table, names: tuple[str, ...]) -> np.ndarray:
    """Return, for each row but the first, whether it is like the one before it."""
    same = np.ones(max(rows.num_rows - 1, 0), dtype=bool)
    for name in names:
        column = rows.column(name).combine_chunks()
        one, other = column[1:], column[:-1]
        nulls = pc.and_(pc.is_null(one), pc.is_null(other)).to_numpy(zero_copy_only=False)
        same &= pc.fill_null(pc.equal(one, other), False).to_numpy(zero_copy_only=False) | nulls
    return same
