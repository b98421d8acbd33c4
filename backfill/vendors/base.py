"""The vendor port: what an adapter is asked and what it answers. Values and protocols only.

An adapter is a module with NAME, NEEDS (settings without which it cannot work), READS (settings it may have besides)
and `connect(settings) -> Vendor`. An offline vendor reads local files and is asked in a capped child; any other is
asked in the worker, and its pages are then plain columns. Times are int64 nanoseconds UTC, ranges half-open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

# Rows as an Arrow table, or {column: values} with ts_event as int nanoseconds; columns as in the lake's table.
Rows = Any
# type, calendar, base, quote, timezone: what the registry of instruments wants to know.
Facts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Capability:
    """A lake table that a vendor can fill. Empty `asset_types` or `venues`: any; `instruments` None: any it is asked.

    `interval` is the table's, empty for ticks and events. `since_ns`: it has nothing earlier of any instrument; None
    when nobody can say.
    """

    table: str
    interval: str = ""
    asset_types: tuple[str, ...] = ()
    venues: tuple[str, ...] = ()
    instruments: frozenset[str] | None = None
    since_ns: int | None = None

    def covers(self, instrument: str, asset_type: str = "") -> bool:
        """Tell whether an instrument (`VENUE:SYMBOL`) can be asked for; an empty type is not held against it."""
        if self.instruments is not None:
            return instrument in self.instruments
        fits = not asset_type or not self.asset_types or asset_type in self.asset_types
        return fits and (not self.venues or instrument.partition(":")[0] in self.venues)


@dataclass(frozen=True, slots=True)
class Request:
    """Rows of one instrument for one table in [start_ns, end_ns); without a start, from the first the vendor has."""

    table: str
    instrument: str
    start_ns: int | None
    end_ns: int


@dataclass(frozen=True, slots=True)
class Page:
    """Part of an answer: rows, in any order, all inside [start_ns, end_ns), the range that the page answers for.

    Pages of one answer may have holes between their ranges: nothing was there. `fetched_at` is when the source gave it.
    """

    rows: Rows
    start_ns: int
    end_ns: int
    fetched_at: datetime


class Vendor(Protocol):
    """One vendor, ready to be asked."""

    @property
    def offline(self) -> bool:
        """Tell whether it reads local files only and is asked in a child."""
        ...

    @property
    def capabilities(self) -> Sequence[Capability]:
        """Return what it can fill."""
        ...

    def describe(self, instrument: str) -> Facts:
        """Return what it knows of an instrument without a call; empty when that is nothing."""
        ...

    def carried(self, requests: Sequence[Request]) -> dict[str, Any]:
        """Return settings for a `connect` in a child that can answer these; a `Path` in them is opened for it.

        Offline vendors only. Malformed when a file that is needed is not there.
        """
        ...

    def fetch(self, request: Request) -> Iterator[Page]:
        """Yield the pages of an answer, at least one row in all; else a VendorError says what became of it."""
        ...


class Adapter(Protocol):
    """The module of a vendor."""

    NAME: str
    NEEDS: tuple[str, ...]
    READS: tuple[str, ...]

    def connect(self, settings: Mapping[str, Any]) -> Vendor:
        """Return the vendor, without a call."""
        ...
