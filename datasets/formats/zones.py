"""Local times: to UTC by an IANA zone with missing and double times marked, and text by a declared pattern."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.formats import cells
from datasets.formats.errors import TimezoneUnknown
from datasets.market.schemas import TIMESTAMP

_NAIVE = pa.timestamp("ns")
_CLOCK = re.compile(r"[T ,]+(\d{1,2}:\d{2})(:\d{2})?([.,]\d+)?( ?[AaPp][Mm])?$")
_TIME_OF_DAY = ("%H", "%I", "%M", "%S", "%p", "%T", "%R", "%s")


def to_utc(naive: pa.Array, zone: str) -> tuple[pa.Array, np.ndarray, np.ndarray]:
    """Return (UTC times, missing, double): local times that never were (spring) and that were twice (autumn)."""
    try:
        early = pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="earliest")
        late = pc.assume_timezone(naive, zone, ambiguous="latest", nonexistent="latest")
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as fault:
        raise TimezoneUnknown(f"There is no time zone called {zone[:60]!r}.", {"timezone": zone[:60]}) from fault
    unsure = np.asarray(pc.not_equal(early, late).fill_null(False)).astype(bool)
    missing = np.zeros(len(naive), dtype=bool)
    if unsure.any():
        # Coming back from UTC, a time that exists is itself again.
        missing = unsure & np.asarray(pc.not_equal(pc.local_timestamp(early), naive).fill_null(False)).astype(bool)
    return early.cast(TIMESTAMP), missing, unsure & ~missing


def check(zone: str) -> str:
    """Return `zone` if the time zone database knows it; TimezoneUnknown otherwise."""
    to_utc(pa.array([0], pa.int64()).cast(_NAIVE), zone)
    return zone


def pattern_of(text: pa.Array, order: str) -> str:
    """Return the strptime pattern of dates such as 31/12/2024 23:59:59; `order` (dmy, mdy) says what comes first."""
    value = next((each.as_py() for each in text if each.is_valid), "")
    separator = next((each for each in "/.-" if each in value), "/")
    day_part = re.split(r"[T ,]", value)[0]
    year = "%Y" if len(day_part.split(separator)[-1]) == 4 else "%y"
    days = ["%d", "%m"] if order == "dmy" else ["%m", "%d"]
    pattern = separator.join([*days, year])
    clock = _CLOCK.search(value)
    if clock is None:
        return pattern
    between = value[len(day_part) : clock.start(1)]
    seconds = ":%S" if clock[2] else ""
    fraction = f"{clock[3][0]}%f" if clock[3] else ""
    if clock[4]:
        return f"{pattern}{between}%I:%M{seconds}{fraction}{' ' if clock[4][0] == ' ' else ''}%p"
    return f"{pattern}{between}%H:%M{seconds}{fraction}"


def is_date_only(pattern: str) -> bool:
    """Tell whether the pattern names no time of day."""
    return not any(each in pattern for each in _TIME_OF_DAY)


def parse_pattern(text: pa.Array, pattern: str) -> tuple[pa.Array, np.ndarray | None, bool]:
    """Return (times, bad, zoned): naive local times, or UTC with `zoned` true when the pattern holds an offset (%z)."""
    zoned = "%z" in pattern
    form = _form(pattern)
    if form is None:
        return (*_one_by_one(text, pattern, zoned), zoned)
    # Through ISO text, because Arrow's strptime takes 31 February for 2 March and its cast does not.
    parts = pc.extract_regex(text, form)
    names = [field.name for field in parts.type]

    def part(name: str, width: int, default: str) -> pa.Array | str:
        return pc.utf8_lpad(parts.field(name), width, "0") if name in names else default

    year = parts.field("Y") if "Y" in names else _century(parts.field("y"))
    clock = pc.binary_join_element_wise(part("H", 2, "00"), part("M", 2, "00"), part("S", 2, "00"), ":")
    date = pc.binary_join_element_wise(year, part("m", 2, "01"), part("d", 2, "01"), "-")
    iso = pc.binary_join_element_wise(date, clock, "T")
    if "f" in names:
        iso = pc.binary_join_element_wise(iso, parts.field("f"), ".")
    times, _ = cells.cast_or_null(iso, _NAIVE)
    bad = cells.present(text) & ~cells.present(times)
    return times, bad if bad.any() else None, False


_PIECES = {
    "d": r"(?P<d>\d{1,2})",
    "m": r"(?P<m>\d{1,2})",
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "H": r"(?P<H>\d{1,2})",
    "M": r"(?P<M>\d{1,2})",
    "S": r"(?P<S>\d{1,2})",
    "f": r"(?P<f>\d{1,9})",
    "T": r"(?P<H>\d{1,2}):(?P<M>\d{1,2}):(?P<S>\d{1,2})",
    "%": "%",
}


def _form(pattern: str) -> str | None:
    """Return the regular expression of a pattern of plain numbers, None when it needs more than that (names, AM/PM)."""
    form, parts = "^", re.split(r"%(.)", pattern)
    for at, piece in enumerate(parts):
        if at % 2 == 0:
            form += re.escape(piece).replace("/", "/")
        elif piece in _PIECES:
            form += _PIECES[piece]
        else:
            return None
    names = re.findall(r"\?P<(\w)>", form)
    whole = len(set(names)) == len(names) and {"m", "d"} <= set(names) and bool({"Y", "y"} & set(names))
    return form + "$" if whole else None


def _century(year: pa.Array) -> pa.Array:
    # As POSIX has it: 69-99 are the last century.
    late = pc.greater_equal(year.cast(pa.int64()), 69)
    return pc.binary_join_element_wise(pc.if_else(late, "19", "20"), year, "")


def _one_by_one(text: pa.Array, pattern: str, zoned: bool) -> tuple[pa.Array, np.ndarray | None]:
    values = [None if each is None else _parse(each, pattern) for each in text.to_pylist()]
    bad = np.array([value is None for value in values], dtype=bool) & cells.present(text)
    times = pa.array(values, pa.int64()).cast(TIMESTAMP if zoned else _NAIVE)
    return times, bad if bad.any() else None


def _parse(value: str, pattern: str) -> int | None:
    try:
        found = datetime.strptime(value, pattern)
    except ValueError:
        return None
    span = found - datetime(1970, 1, 1, tzinfo=UTC if found.tzinfo else None)
    return (span.days * 86_400 + span.seconds) * 10**9 + span.microseconds * 1000
