"""Converts a time column of any form to int64 nanoseconds UTC: epoch numbers, ISO text, dates, declared patterns.

The unit of an epoch is told by its magnitude, value by value, never by differences; more than one unit in a column is
refused. Times without a zone need a declared one, whose missing and double local times are marked. A date alone is the
label of a session: midnight UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.formats import cells, zones
from datasets.formats.errors import ColumnTypeUnsupported, DateOrderAmbiguous, TimestampUnitsMixed, TimezoneRequired
from datasets.formats.values import in_python
from datasets.market.schemas import TIMESTAMP

UNITS = ("s", "ms", "us", "ns")
SCALE = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
# A second count of 1e11 is the year 5138; the same number of milliseconds is 1973. Each unit is a thousand times on.
BORDERS = np.array([10**11, 10**14, 10**17], dtype=np.int64)
_NAIVE = pa.timestamp("ns")
_MOST = 0.9

EPOCH = r"^-?\d{9,19}$"
EPOCH_FRACTION = r"^-?\d{9,19}\.\d+$"
DATE = r"^\d{4}-\d{2}-\d{2}$|^\d{4}/\d{2}/\d{2}$"
COMPACT_DATE = r"^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$"
# A date and a time of day in digits alone. As a count of milliseconds 202410080930 would be a day of 1976.
STAMP = r"^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d([0-5]\d)?$"
NAIVE = r"^\d{4}[-/]\d{2}[-/]\d{2}[T ]\d{2}(:?\d{2}(:?\d{2}([.,]\d{1,9})?)?)?$"
OFFSET = r"^\d{4}[-/]\d{2}[-/]\d{2}[T ]\d{2}:?\d{2}(:?\d{2}([.,]\d{1,9})?)? ?(Z|z|UTC|GMT|[+-]\d{2}(:?\d{2})?)$"
# Day and month in either order: only a declared order or pattern makes sense of them.
EITHER_ORDER = r"^\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}([T ,].*)?$"


@dataclass
class Times:
    """`ns` is int64; `reasons` names, per marked row, what is wrong with it."""

    ns: np.ndarray
    reasons: dict[int, str] = field(default_factory=dict)


class Clock:
    """Converts the batches of one column; remembers the epoch unit met so far."""

    def __init__(self, plan: dict[str, Any]):
        self.unit: str | None = plan.get("timestampUnit")
        self._zone: str | None = plan.get("timezone") or None
        self._pattern: str | None = _pattern(plan)
        self._order: str | None = plan.get("dateOrder")
        # Whether the column is written as STAMP, told by most of its first values. None before.
        self._stamps: bool | None = None if self.unit is None else False

    def convert(self, array: pa.Array | pa.ChunkedArray, rows: np.ndarray) -> Times:
        """Convert one batch; `rows` are record numbers for TimestampUnitsMixed. TimezoneRequired for naive times."""
        array = cells.plain(array)
        kind = array.type
        if pa.types.is_integer(kind) and (self._pattern is not None or self._are_stamps(array)):
            return self._text(array.cast(pa.string()), rows)
        if pa.types.is_integer(kind):
            return self._epoch(array.cast(pa.int64()), rows)
        if pa.types.is_decimal(kind):
            # Its digits, all of them: a double has too few for nanoseconds.
            return self._text(array.cast(pa.string()), rows)
        if pa.types.is_floating(kind):
            return self._fractions(array.cast(pa.float64(), safe=False), rows)
        if pa.types.is_timestamp(kind):
            return self._typed(array)
        if pa.types.is_date(kind):
            return _done(*cells.cast_or_null(array.cast(pa.date32()).cast(pa.timestamp("s")), _NAIVE))
        if cells.is_text(kind):
            return self._text(pc.utf8_trim_whitespace(array.cast(pa.string())), rows)
        if pa.types.is_null(kind):
            return Times(np.zeros(len(array), np.int64), dict.fromkeys(range(len(array)), "NULL_VALUE"))
        raise ColumnTypeUnsupported(f"A column of type {kind} holds no times.", {"type": str(kind)})

    def _digits(self, text: pa.Array) -> list[tuple[str | None, Callable[[pa.Array, np.ndarray], Times]]]:
        if self._are_stamps(text):
            return [(STAMP, lambda part, at: self._naive(_separated(part)))]
        return [
            (EPOCH, lambda part, at: self._epoch(cells.cast_or_null(part, pa.int64())[0], at)),
            (EPOCH_FRACTION, self._decimal),
        ]

    def _are_stamps(self, array: pa.Array) -> bool:
        if self._stamps is None and array.null_count < len(array):
            self._stamps = float(_matches(array.drop_null().cast(pa.string()), STAMP).mean()) >= _MOST
        return bool(self._stamps)

    def _epoch(self, array: pa.Array, rows: np.ndarray) -> Times:
        present = cells.present(array)
        values = np.asarray(array.fill_null(0))
        reasons = dict.fromkeys(np.flatnonzero(~present).tolist(), "NULL_VALUE")
        reasons |= dict.fromkeys(np.flatnonzero(present & (values == 0)).tolist(), "TIMESTAMP_ZERO")
        counted = present & (values != 0)
        self._agree(values, counted, rows)
        scale = SCALE[self.unit or "s"]
        # An epoch past year 2262 does not fit nanoseconds; it would wrap round to a time that looks true.
        limit = np.iinfo(np.int64).max // scale
        beyond = counted & ((values > limit) | (values < -limit))
        reasons |= dict.fromkeys(np.flatnonzero(beyond).tolist(), "TIMESTAMP_OUT_OF_RANGE")
        return Times(np.where(beyond, 0, values) * scale, reasons)

    def _agree(self, values: np.ndarray, counted: np.ndarray, rows: np.ndarray) -> None:
        if not counted.any():
            return
        # The magnitude of most values, found at the ends first: np.searchsorted on all only if they disagree.
        known = np.abs(values[counted])
        lowest, highest = (int(np.searchsorted(BORDERS, edge, side="right")) for edge in (known.min(), known.max()))
        if lowest == highest and self.unit in (None, UNITS[lowest]):
            self.unit = UNITS[lowest]
            return
        classes = np.searchsorted(BORDERS, np.abs(values), side="right")
        self.unit = self.unit or UNITS[int(np.bincount(classes[counted]).argmax())]
        strange = np.flatnonzero(counted & (classes != UNITS.index(self.unit)))
        where = [{"row": int(rows[i]), "value": int(values[i]), "unit": UNITS[int(classes[i])]} for i in strange[:20]]
        raise TimestampUnitsMixed(
            f"Times are in {self.unit}, but row {where[0]['row']} is in {where[0]['unit']} ({where[0]['value']}).",
            {"unit": self.unit, "count": len(strange), "rows": where},
        )

    def _fractions(self, array: pa.Array, rows: np.ndarray) -> Times:
        values = np.asarray(array.fill_null(np.nan))
        finite = np.isfinite(values) & (np.abs(values) < 9.2e18)
        whole = pa.array(np.where(finite, np.floor(values), 0).astype(np.int64), mask=~finite)
        times = self._epoch(whole, rows)
        # A double holds a second count of today to about 0.2 us: finer digits would be invented.
        part = np.where(finite, values - np.floor(values), 0)
        step = min(SCALE[self.unit or "s"], 1000)
        extra = np.round(part * SCALE[self.unit or "s"] / step).astype(np.int64) * step
        return Times(times.ns + extra, times.reasons)

    def _typed(self, array: pa.Array) -> Times:
        naive, bad = cells.cast_or_null(array, pa.timestamp("ns", tz=array.type.tz))
        if array.type.tz is not None:
            return _done(naive.cast(TIMESTAMP), bad)
        if self._pattern == "date" and self._zone is None:
            return _done(naive.cast(TIMESTAMP), bad)
        return self._local(naive, bad)

    def _local(self, naive: pa.Array, bad: np.ndarray | None) -> Times:
        if self._zone is None:
            first = next((in_python(value) for value in naive if value.is_valid), None)
            raise TimezoneRequired(
                f"The times have no zone (first: {first}) and none is declared.", {"first": str(first)}
            )
        ns, missing, double = zones.to_utc(naive, self._zone)
        times = _done(ns, bad)
        times.reasons |= dict.fromkeys(np.flatnonzero(missing).tolist(), "LOCAL_TIME_NONEXISTENT")
        times.reasons |= dict.fromkeys(np.flatnonzero(double).tolist(), "LOCAL_TIME_AMBIGUOUS")
        return times

    def _text(self, text: pa.Array, rows: np.ndarray) -> Times:
        text = pc.if_else(pc.equal(text, ""), None, text)
        times = Times(np.zeros(len(text), np.int64), dict.fromkeys(range(len(text)), "TIMESTAMP_INVALID"))
        empty = ~cells.present(text)
        for at in np.flatnonzero(empty).tolist():
            times.reasons[at] = "NULL_VALUE"
        forms: list[tuple[str | None, Callable[[pa.Array, np.ndarray], Times]]] = [
            (COMPACT_DATE, self._compact),
            *self._digits(text),
            (DATE, lambda part, at: _done(*cells.cast_or_null(_dashed(part), _NAIVE))),
            (NAIVE, lambda part, at: self._naive(part)),
            (OFFSET, lambda part, at: _done(*cells.cast_or_null(_zoned(part), TIMESTAMP))),
        ]
        if self._pattern not in (None, "date"):
            forms = [(None, self._by_pattern)]
        elif self._order is not None:
            forms.append((EITHER_ORDER, lambda part, at: self._by_pattern(part, at)))
        left = ~empty
        for form, convert in forms:
            mask = left if form is None else left & _matches(text, form)
            if mask.any():
                _put(times, mask, convert(text.filter(pa.array(mask)), rows[mask]))
                left = left & ~mask
        self._refuse_either(text, left)
        return times

    def _refuse_either(self, text: pa.Array, left: np.ndarray) -> None:
        either = left & _matches(text, EITHER_ORDER)
        if either.any() and self._order is None and self._pattern is None:
            value = text[int(np.flatnonzero(either)[0])].as_py()
            raise DateOrderAmbiguous(f"Is {value!r} day or month first? Declare dateOrder.", {"value": value})

    def _compact(self, text: pa.Array, rows: np.ndarray) -> Times:
        dashed = pc.replace_substring_regex(text, r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3")
        return _done(*cells.cast_or_null(dashed, _NAIVE))

    def _decimal(self, text: pa.Array, rows: np.ndarray) -> Times:
        parts = pc.extract_regex(text, r"^(?P<whole>-?\d+)\.(?P<part>\d+)$")
        times = self._epoch(cells.cast_or_null(parts.field("whole"), pa.int64())[0], rows)
        digits = len(str(SCALE[self.unit or "s"])) - 1
        padded = pc.utf8_slice_codeunits(pc.utf8_rpad(parts.field("part"), 9, "0"), 0, digits) if digits else None
        extra = np.asarray(padded.cast(pa.int64())) if padded is not None else 0
        negative = np.asarray(pc.starts_with(text, "-")).astype(bool)
        return Times(times.ns + np.where(negative, -extra, extra), times.reasons)

    def _naive(self, text: pa.Array) -> Times:
        naive, bad = cells.cast_or_null(_dashed(pc.replace_substring(text, ",", ".")), _NAIVE)
        if self._pattern == "date" and self._zone is None:
            return _done(naive.cast(TIMESTAMP), bad)
        return self._local(naive, bad)

    def _by_pattern(self, text: pa.Array, rows: np.ndarray) -> Times:
        pattern = self._pattern if self._pattern not in (None, "date") else zones.pattern_of(text, self._order or "dmy")
        naive, bad, zoned = zones.parse_pattern(text, pattern)
        if zoned or zones.is_date_only(pattern):
            return _done(naive.cast(TIMESTAMP), bad)
        return self._local(naive, bad)


def _pattern(plan: dict[str, Any]) -> str | None:
    form = plan.get("timestampFormat")
    return form if form and ("%" in form or form == "date") else None


def _matches(text: pa.Array, form: str) -> np.ndarray:
    return np.asarray(pc.match_substring_regex(text, form).fill_null(False)).astype(bool)


def _separated(text: pa.Array) -> pa.Array:
    minutes = pc.replace_substring_regex(text, r"^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})", r"\1-\2-\3 \4:\5")
    return pc.replace_substring_regex(minutes, r"(:\d{2})(\d{2})$", r"\1:\2")


def _dashed(text: pa.Array) -> pa.Array:
    return pc.replace_substring(text, "/", "-")


def _zoned(text: pa.Array) -> pa.Array:
    text = pc.replace_substring(_dashed(text), ",", ".")
    return pc.replace_substring_regex(text, r" ?(z|UTC|GMT)$", "Z") if len(text) else text


def _done(array: pa.Array, bad: np.ndarray | None) -> Times:
    if bad is None and not array.null_count:
        return Times(np.asarray(array.cast(pa.int64())))
    valid = cells.present(array)
    reasons = dict.fromkeys(np.flatnonzero(~valid).tolist(), "NULL_VALUE")
    if bad is not None:
        reasons |= dict.fromkeys(np.flatnonzero(bad).tolist(), "TIMESTAMP_INVALID")
    return Times(np.asarray(array.cast(pa.int64()).fill_null(0)), reasons)


def _put(times: Times, mask: np.ndarray, part: Times) -> None:
    at = np.flatnonzero(mask)
    times.ns[at] = part.ns
    for index in at.tolist():
        times.reasons.pop(index, None)
    times.reasons |= {int(at[index]): reason for index, reason in part.reasons.items()}
