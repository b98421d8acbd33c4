"""The vendor conformance suite: what holds for every adapter, asked of its recorded answers.

An adapter `backfill/vendors/adapters/<name>` brings `tests/backfill/vendors/adapters/<name>_sample.py` with a function
`sample(tmp_path) -> Sample`. tests/backfill/vendors/test_conformance.py finds the adapters by itself.
"""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from backfill.vendors import adapters
from backfill.vendors.base import Page, Request, Vendor
from backfill.vendors.errors import NoData, VendorError
from datasets.market import instruments, schemas, tables

FAR = 1 << 62


@dataclass
class Sample:
    """Settings under which an adapter answers `requests` (no start, no end), and what it must refuse."""

    settings: dict[str, Any]
    requests: list[Request]
    unknown: str = "NOWHERE:NOTHING"
    # (settings, request, error class): faults of the source, each told by its class
    faults: list[tuple[dict[str, Any], Request, type[VendorError]]] = field(default_factory=list)


def names() -> list[str]:
    """Return the adapters that there are."""
    return sorted(each.name for each in pkgutil.iter_modules(adapters.__path__))


def module(name: str) -> Any:
    """Return an adapter's module."""
    return importlib.import_module(f"{adapters.__name__}.{name}")


def sample_of(name: str, folder: Path) -> Sample:
    """Return what an adapter brings for this suite; a failure when it brings nothing."""
    return importlib.import_module(f"tests.backfill.vendors.adapters.{name}_sample").sample(folder)


def rows(pages: list[Page], table: str) -> pa.Table:
    """Return the rows of pages as one table in the lake's columns, sorted by its key."""
    schema = schemas.table_form(tables.find(table)).schema
    shaped = []
    for page in pages:
        given = page.rows if isinstance(page.rows, pa.Table) else pa.table(dict(page.rows))
        columns = {
            each.name: given.column(each.name).cast(each.type)
            if each.name in given.column_names
            else pa.nulls(given.num_rows, each.type)
            for each in schema
        }
        shaped.append(pa.table(columns))
    joined = pa.concat_tables(shaped)
    return joined.sort_by([(name, "ascending") for name in tables.find(table).key or ("ts_event",)])


def times(page: Page) -> list[int]:
    """Return the ts_event of a page's rows as nanoseconds."""
    column = page.rows["ts_event"] if not isinstance(page.rows, pa.Table) else page.rows.column("ts_event")
    return column.cast(pa.int64()).to_pylist() if isinstance(column, pa.ChunkedArray) else list(column)


# --- what holds for every adapter ------------------------------------------------------------------------------------


def says_who_it_is(name: str, sample: Sample) -> None:
    """The module carries its name and the settings that it reads."""
    adapter = module(name)
    assert name == adapter.NAME
    assert set(sample.settings) <= {*adapter.NEEDS, *adapter.READS}
    assert all(sample.settings[needed] for needed in adapter.NEEDS)


def knows_no_framework(name: str, sample: Sample) -> None:
    """It can be loaded in a process that has no Django."""
    code = f"import sys, {module(name).__name__}; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def can_do_what_it_says(name: str, sample: Sample) -> None:
    """Capabilities name tables of the lake with their intervals, and cover what is asked here."""
    vendor = connected(name, sample)
    for each in vendor.capabilities:
        assert each.interval == tables.find(each.table).interval
        assert set(each.asset_types) <= set(instruments.TYPES)
    for request in sample.requests:
        assert any(each.table == request.table and each.covers(request.instrument) for each in vendor.capabilities)
        assert set(vendor.describe(request.instrument)) <= {"type", "calendar", "base", "quote", "timezone"}
    assert dict(vendor.describe(sample.unknown)) == {}


def answers_inside_its_ranges(name: str, sample: Sample) -> None:
    """Rows have the table's columns, lie in their page's range, which lies in the request's; times are aware UTC."""
    for request in sample.requests:
        table = tables.find(request.table)
        for page in asked(name, sample, request):
            columns = set(page.rows.column_names if isinstance(page.rows, pa.Table) else page.rows)
            assert {each.name for each in table.columns if not each.nullable} <= columns <= set(table.names)
            stamps = times(page)
            assert stamps
            assert page.start_ns <= min(stamps)
            assert max(stamps) < page.end_ns <= request.end_ns
            assert page.fetched_at.utcoffset() == timedelta(0)


def answers_the_same_again(name: str, sample: Sample) -> None:
    """Asked twice, the rows are the same."""
    for request in sample.requests:
        one, other = (rows(asked(name, sample, request), request.table) for _ in range(2))
        assert one.equals(other)


def ranges_are_half_open(name: str, sample: Sample) -> None:
    """Neighbouring ranges share no row and lose none; the end itself is not part of a range."""
    for request in sample.requests:
        whole = rows(asked(name, sample, request), request.table)
        stamps = whole.column("ts_event").cast(pa.int64()).to_pylist()
        middle = stamps[len(stamps) // 2]
        if middle == stamps[0]:
            continue
        before = rows(asked(name, sample, replace(request, end_ns=middle)), request.table)
        after = rows(asked(name, sample, replace(request, start_ns=middle)), request.table)
        assert max(before.column("ts_event").cast(pa.int64()).to_pylist()) < middle
        assert pa.concat_tables([before, after]).equals(whole)


def says_when_it_has_nothing(name: str, sample: Sample) -> None:
    """An unknown instrument and a range before all rows are NoData, never an empty page; only the latter is benign."""
    for request in sample.requests:
        with pytest.raises(NoData) as unknown:
            asked(name, sample, replace(request, instrument=sample.unknown))
        assert not unknown.value.benign
        first = min(stamp for page in asked(name, sample, request) for stamp in times(page))
        with pytest.raises(NoData) as nothing:
            asked(name, sample, replace(request, start_ns=first - 2, end_ns=first))
        assert nothing.value.benign


def tells_faults_by_their_class(name: str, sample: Sample) -> None:
    """Each recorded fault of the source comes out as the error that stands for it."""
    assert sample.faults
    for settings, request, kind in sample.faults:
        with pytest.raises(VendorError) as fault:
            asked(name, replace(sample, settings=settings), request)
        assert type(fault.value) is kind
        assert fault.value.message


CHECKS: list[Callable[[str, Sample], None]] = [
    says_who_it_is,
    knows_no_framework,
    can_do_what_it_says,
    answers_inside_its_ranges,
    answers_the_same_again,
    ranges_are_half_open,
    says_when_it_has_nothing,
    tells_faults_by_their_class,
]


def connected(name: str, sample: Sample) -> Vendor:
    """Return the vendor of a sample."""
    adapter = module(name)
    return adapter.connect(dict.fromkeys((*adapter.NEEDS, *adapter.READS), "") | sample.settings)


def asked(name: str, sample: Sample, request: Request) -> list[Page]:
    """Ask as the platform does: an offline vendor through the settings that a child gets."""
    vendor = connected(name, sample)
    if vendor.offline:
        carried = _opened(vendor.carried([request]))
        vendor = module(name).connect(carried)
    return list(vendor.fetch(request))


def _opened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _opened(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_opened(each) for each in value]
    return str(value) if isinstance(value, Path) else value
