"""One cell as a Python value, nanoseconds included: Python's own times end at microseconds, and pandas is not here."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

_DAY_NS, _SECOND_NS = 86_400_000_000_000, 1_000_000_000


def in_python(cell: pa.Scalar) -> Any:
    """Return the cell as `as_py` would; a time or a span of nanoseconds as its text, also inside a list or struct.

    A time of day is cut to microseconds, as `as_py` does.
    """
    kind = cell.type
    if not cell.is_valid or not _has_nanoseconds(kind):
        return cell.as_py()
    if pa.types.is_timestamp(kind):
        return _moment(cell.value, kind.tz)
    if pa.types.is_duration(kind):
        return _span(cell.value)
    if pa.types.is_time64(kind):
        return pa.scalar(cell.value // 1000, pa.time64("us")).as_py()
    if pa.types.is_dictionary(kind):
        return in_python(cell.value)
    if pa.types.is_map(kind):
        return [tuple(in_python(pair[at]) for at in range(2)) for pair in cell.values]
    if pa.types.is_struct(kind):
        return {kind.field(at).name: in_python(cell[at]) for at in range(kind.num_fields)}
    return [in_python(each) for each in cell.values]


def _has_nanoseconds(kind: pa.DataType) -> bool:
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind) or pa.types.is_time64(kind):
        return kind.unit == "ns"
    if pa.types.is_dictionary(kind):
        return _has_nanoseconds(kind.value_type)
    return any(_has_nanoseconds(kind.field(at).type) for at in range(kind.num_fields))


def _moment(ns: int, zone: str | None) -> str:
    moment = pa.scalar(ns // 1000, pa.timestamp("us", zone)).as_py()
    if not ns % 1000:
        return str(moment)
    exact, naive = (each.isoformat(" ", "microseconds") for each in (moment, moment.replace(tzinfo=None)))
    return f"{naive}{ns % 1000:03d}{exact.removeprefix(naive)}"


def _span(ns: int) -> str:
    days, rest = divmod(ns, _DAY_NS)
    seconds, part = divmod(rest, _SECOND_NS)
    fraction = f".{part:09d}".removesuffix("000") if part else ""
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"
    return f"{days} days {'+' if days < 0 else ''}{clock}"
