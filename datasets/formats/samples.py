"""What a column's first values show: its type, and if they can be times, in which unit, form and zone.

Works on text: each sample is the value as it is written, None where it is empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from datasets.formats import instants
from datasets.formats.cells import NOTHING
from datasets.formats.instants import Clock
from tradenexus.errors import ProblemError

_INTEGER = re.compile(r"[+-]?\d{1,19}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.I)
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
_ANY_NUMBER = re.compile(f"{_NUMBER.pattern}|{_COMMA_NUMBER.pattern}", re.I)
_NEARLY_ALL = 0.9
_CLOCK = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d{1,9})?)?")
_MIDNIGHT = re.compile(r"[T ]00(:?00(:?00(\.0+)?)?)?$")
_BOOLEAN = re.compile(r"true|false", re.I)
# Epoch times are believed between 1990 and 2100: an id or a volume can have any magnitude.
_EARLIEST_S, _LATEST_S = 631_152_000, 4_102_444_800
_FORMS = (
    ("date", re.compile(instants.DATE)),
    ("date", re.compile(instants.COMPACT_DATE)),
    ("stamp", re.compile(instants.STAMP)),
    ("iso_naive", re.compile(instants.NAIVE)),
    ("iso_offset", re.compile(instants.OFFSET)),
    ("either", re.compile(instants.EITHER_ORDER)),
)


@dataclass
class Column:
    """One column of the sample: its name as the file has it, where it stands, its values, and a stated type if any."""

    name: str
    index: int
    values: list[str | None]
    stated: pa.DataType | None = None
    zone: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def filled(self) -> list[str]:
        """The values that hold something."""
        return [value.strip() for value in self.values if value is not None and value.strip().lower() not in NOTHING]

    @cached_property
    def type(self) -> str:
        """One of empty, integer, number, boolean, time, date, text."""
        if self.stated is not None and (pa.types.is_timestamp(self.stated) or pa.types.is_date(self.stated)):
            return "date" if pa.types.is_date(self.stated) else "time"
        if not self.filled:
            return _stated(self.stated)
        # A wrong value, or a header that comes again, is for the reader to reject by line: it does not make a text.
        if self.share(_INTEGER) >= _NEARLY_ALL:
            return "integer"
        if self.share(_ANY_NUMBER) >= _NEARLY_ALL:
            return "number"
        if self.share(_BOOLEAN) >= _NEARLY_ALL:
            return "boolean"
        form = self.form
        if form is None:
            return "text"
        return "date" if form == "date" else "time"

    def share(self, form: re.Pattern[str]) -> float:
        """Return which part of the values that hold something has this form."""
        return sum(form.fullmatch(value) is not None for value in self.filled) / max(1, len(self.filled))

    @property
    def is_mostly_numbers(self) -> bool:
        """Whether at least half of the values are numbers: enough for a column whose name says that they are."""
        return self.share(_ANY_NUMBER) >= 0.5

    @property
    def all_integers(self) -> bool:
        """Whether each value is an integer, without exception."""
        return bool(self.filled) and self.share(_INTEGER) == 1

    @cached_property
    def form(self) -> str | None:
        """The form of times in text, when nearly all values have one."""
        if not self.filled:
            return None
        found = [next((name for name, form in _FORMS if form.search(value)), None) for value in self.filled]
        common = max(set(found), key=found.count)
        return common if found.count(common) >= _NEARLY_ALL * len(found) else None

    @property
    def is_clock(self) -> bool:
        """Whether the values are times of day without a date."""
        return bool(self.filled) and all(_CLOCK.fullmatch(value) for value in self.filled)

    @property
    def has_clock(self) -> bool:
        """Whether the values have a time of day."""
        return self.stated is not None or any(":" in value for value in self.filled)

    def with_clock(self, clock: Column) -> Column:
        """Return this column of dates, from now on read together with the times of day in `clock`."""
        both = zip(self.values, clock.values, strict=True)
        joined = Column(self.name, self.index, [f"{day} {time}" if day and time else None for day, time in both])
        # What is shown stays the dates; what is read is both.
        self.__dict__["time"] = joined.time
        return self

    @cached_property
    def numbers(self) -> np.ndarray:
        """The values as float64, NaN where there is none."""
        return np.array([_float(value) for value in self.values], dtype=np.float64)

    @cached_property
    def time(self) -> dict[str, Any] | None:
        """How the column reads as times ({unit, format, zone, dateOrder, first, last, mixed}), None if it does not."""
        return _read_times(self)

    def describe(self) -> dict[str, Any]:
        """Return the column as it stands in a sniff: name, index, type, 5 samples, nulls, and time when it has one."""
        shown = {
            "name": self.name,
            "index": self.index,
            "type": self.type,
            "samples": [value if value is None else value[:80] for value in self.values[:5]],
            "nulls": len(self.values) - len(self.filled),
            **({"stray": True} if self.type == "integer" and not self.all_integers else {}),
            **self.extra,
        }
        return {**shown, "time": self.time} if self.time else shown


def described(shown: Mapping[str, Any]) -> Column:
    """Return a column as `describe` has shown it, with the few samples that are left."""
    extra = {name: shown[name] for name in ("unnamed", "twin", "key") if shown.get(name)}
    column = Column(shown["name"], shown["index"], list(shown["samples"]), extra=extra)
    # What all the values had shown is not to be judged anew by five of them.
    column.__dict__.update(type=shown["type"], time=shown.get("time"))
    return column


def decimal_comma(columns: list[Column]) -> bool:
    """Tell whether numbers are written with a comma: some are, and none has a point."""
    values = [value for column in columns for value in column.filled]
    comma = any(_COMMA_NUMBER.fullmatch(value) for value in values)
    point = any(_NUMBER.fullmatch(value) and "." in value for value in values)
    return comma and not point


def order_of_dates(values: list[str]) -> str | None:
    """Return dmy or mdy when some value can be read in one order only, None when all could be either."""
    parts = [re.split(r"[/.-]", value)[:2] for value in values]
    if any(int(first) > 12 for first, _ in parts):
        return "dmy"
    if any(int(second) > 12 for _, second in parts):
        return "mdy"
    return None


def _stated(kind: pa.DataType | None) -> str:
    if kind is None or pa.types.is_null(kind):
        return "empty"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    return "boolean" if pa.types.is_boolean(kind) else "text"


def _float(value: str | None) -> float:
    if value is None:
        return float("nan")
    text = value.strip()
    if _COMMA_NUMBER.fullmatch(text):
        text = text.replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _read_times(column: Column) -> dict[str, Any] | None:
    if column.stated is not None and pa.types.is_timestamp(column.stated):
        zone = column.stated.tz or None
        if zone is None and column.filled and all(_MIDNIGHT.search(value) for value in column.filled):
            return _with_ends(column, {"unit": None, "format": "midnight", "zone": None})
        return _with_ends(column, {"unit": column.stated.unit, "format": "typed", "zone": zone})
    if column.stated is not None and pa.types.is_date(column.stated):
        return _with_ends(column, {"unit": None, "format": "date", "zone": "UTC"})
    if not column.filled:
        return None
    if column.type == "integer" and column.form not in ("date", "stamp"):
        return _epoch(column, "epoch")
    if column.type == "number":
        return _epoch(column, "epoch_decimal")
    if column.form is None:
        return None
    if column.form == "either":
        order = order_of_dates(column.filled)
        return _with_ends(
            column, {"unit": None, "format": "dated", "zone": None, "dateOrder": order, "sample": column.filled[0]}
        )
    form = column.form
    # Bars of days are often exported with a midnight that means nothing.
    if form == "iso_naive" and all(_MIDNIGHT.search(value) for value in column.filled):
        return _with_ends(column, {"unit": None, "format": "midnight", "zone": None})
    form = "iso_naive" if form == "stamp" else form
    zone = "UTC" if form == "date" else "offset" if form == "iso_offset" else None
    return _with_ends(column, {"unit": None, "format": form, "zone": zone})


def _epoch(column: Column, form: str) -> dict[str, Any] | None:
    values = np.abs(column.numbers[np.isfinite(column.numbers) & (column.numbers != 0)])
    if not len(values) or (column.type == "number" and all("." not in value for value in column.filled)):
        return None
    classes = np.searchsorted(instants.BORDERS.astype(np.float64), values, side="right")
    seconds = values / np.array([1.0, 1e3, 1e6, 1e9])[classes]
    if ((seconds < _EARLIEST_S) | (seconds > _LATEST_S)).any():
        return None
    counts = np.bincount(classes, minlength=4)
    unit = instants.UNITS[int(counts.argmax())]
    found: dict[str, Any] = {"unit": unit, "format": form, "zone": "UTC"}
    if (counts > 0).sum() > 1:
        return {**found, "mixed": [instants.UNITS[number] for number in np.flatnonzero(counts)]}
    return _with_ends(column, found)


def _with_ends(column: Column, found: dict[str, Any]) -> dict[str, Any]:
    """Add the first and last value, parsed as the plan would; naive ones as if they were UTC, and said so."""
    form = {"typed": None, "midnight": "date", "dated": None}.get(found["format"], found["format"])
    order = found.get("dateOrder") or "dmy"
    plan = {"timestampFormat": form, "timezone": "UTC", "dateOrder": order, "timestampUnit": None}
    filled = column.filled
    if not filled:
        return found
    try:
        times = Clock(plan).convert(pa.array([filled[0], filled[-1]]), np.arange(2))
    except ProblemError:
        return found
    ends = [None if at in times.reasons else stamp(int(ns)) for at, ns in enumerate(times.ns)]
    return {**found, "first": ends[0], "last": ends[1]}


def stamp(ns: int) -> str:
    """Return an instant as ISO text in UTC, with as many digits of the second as it has."""
    text = str(np.datetime64(ns, "ns"))
    whole, _, part = text.partition(".")
    part = part.rstrip("0")
    return f"{whole}.{part}Z" if part else f"{whole}Z"
