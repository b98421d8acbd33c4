"""From what a request names (datasets, versions, dates, symbols) to pinned versions and slices of bars.

A slice is clamped to the bars that are there, so that two requests for the same bars ask for the same slice.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from datasets import lifecycle, versions
from datasets.market import kinds
from datasets.models import Dataset, DatasetVersion, Status, VersionFile
from lona import errors
from lona.adapter.names import FREQUENCIES
from lona.adapter.slices import NS, Slice

PUBLISHABLE = frozenset({Status.READY, Status.PUBLISHED, Status.PUBLISH_FAILED, Status.PUBLISHING})


def publishable(dataset: Dataset, wanted: int | None) -> DatasetVersion:
    """Find the version a publish means: `wanted`, else the newest in a legal state.

    DatasetNotPublishable for trades and quotes, for a frequency the provider lacks and for a linked symbol without
    bytes; StateConflict for other states.
    """
    version = lifecycle.newest(dataset, PUBLISHABLE) if wanted is None else versions.of_dataset(dataset, wanted)
    version = version or lifecycle.newest(dataset)
    if version is None or (version.status not in PUBLISHABLE and version.kind not in (kinds.TRADES, kinds.QUOTES)):
        return versions.of_dataset(dataset, wanted, PUBLISHABLE)
    _refuse_unpublishable(version)
    return version


def _refuse_unpublishable(version: DatasetVersion) -> None:
    details = {"versionId": version.ref, "version": version.number, "status": version.status}
    if version.kind != kinds.BARS:
        raise errors.DatasetNotPublishable(
            f"version {version.number} holds {version.kind or 'no data'}: make candles first", details
        )
    if version.operation == "link":
        raise errors.DatasetNotPublishable("this dataset links a symbol that the provider has already", details)
    if version.interval not in FREQUENCIES:
        raise errors.DatasetNotPublishable(
            f"the provider takes bars of {', '.join(FREQUENCIES)}, not of {version.interval or 'an unknown interval'}",
            {**details, "frequency": version.interval},
        )


def slices(
    version: DatasetVersion,
    start_ns: int | None = None,
    end_ns: int | None = None,
    symbols: Iterable[str] | None = None,
    empty: type[errors.ProblemError] = errors.PublishRangeEmpty,
) -> list[Slice]:
    """Cut a version into one slice per instrument, ordered by instrument and clamped to its bars.

    Instruments without a bar in the range are left out; `empty` is raised when none is left or a symbol is unknown.
    """
    wanted = set(symbols) if symbols is not None else None
    extents = _extents(version)
    unknown = sorted((wanted or set()) - {instrument for instrument, _ in extents})
    if unknown:
        raise empty(f"version {version.number} has no {', '.join(unknown)[:200]}", {"symbols": unknown[:50]})
    found = []
    for (instrument, venue), (first, last) in sorted(extents.items()):
        start, end = max(start_ns or first, first), min(last + 1 if end_ns is None else end_ns, last + 1)
        if start < end and (wanted is None or instrument in wanted):
            found.append(Slice(instrument, venue, version.interval, start, end))
    if not found:
        raise empty(f"version {version.number} has no bars in this range", range_details(version))
    return found


def _extents(version: DatasetVersion) -> dict[tuple[str, str], tuple[int, int]]:
    extents: dict[tuple[str, str], tuple[int, int]] = {}
    for file in VersionFile.objects.filter(version=version).order_by("number"):
        first, last = extents.get((file.instrument, file.venue), (file.t0_ns, file.t1_ns))
        extents[(file.instrument, file.venue)] = (min(first, file.t0_ns), max(last, file.t1_ns))
    return extents


def range_details(version: DatasetVersion) -> dict[str, Any]:
    """Say in an error what a version does have."""
    return {
        "versionId": version.ref,
        "first": None if version.start_ns is None else instant(version.start_ns),
        "last": None if version.end_ns is None else instant(version.end_ns),
    }


def runnable(tenant_id: UUID, ref: str) -> DatasetVersion:
    """Pin the version that `ds_...` or `ds_...@7` means; DatasetNotValidated in any but a runnable state."""
    try:
        version = versions.resolve(tenant_id, ref, lifecycle.RUNNABLE)
    except lifecycle.StateConflict as conflict:
        raise errors.DatasetNotValidated(conflict.message, {**conflict.details, "datasetRef": ref}) from conflict
    if version.kind != kinds.BARS:
        raise errors.DatasetNotValidated(f"{ref} holds {version.kind}, and backtests read bars", {"datasetRef": ref})
    return version


def day_range(first: date, last: date) -> tuple[int, int]:
    """Turn the closed days of the wire into the half-open range [first 00:00, the day after last 00:00) in ns UTC."""
    return midnight_ns(first), midnight_ns(last + timedelta(days=1))


def midnight_ns(day: date) -> int:
    """Answer 00:00 UTC of a day in ns."""
    return int(datetime.combine(day, time(), UTC).timestamp()) * NS


def instant(ns: int) -> str:
    """Write ns UTC as ISO text with the fraction it has."""
    whole, fraction = divmod(ns, NS)
    text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:09d}".rstrip("0") + "Z" if fraction else f"{text}Z"
