"""Prices adjusted when they are read: the lake stores them raw and corporate actions as events of their own.

Factors are anchored at the last session in sight: factor(t) = factor(t+1) / split(t+1) / (1 + dividend(t+1) /
close(t+1)), with splits as new shares for one old and dividends in cash a share on the ex-date, after Quandl's WIKI
tables (the usual CRSP rule divides by the close before instead). Volume goes with splits only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from datasets.lake import scan, state, suspects
from datasets.market import intervals, tables
from datasets.models import Instrument, LakeEntry
from tradenexus.errors import BadRequest, NotFound

if TYPE_CHECKING:
    import numpy as np

RAW, SPLIT, DIVIDEND, ALL = "raw", "split", "dividend", "all"
KINDS = (RAW, SPLIT, DIVIDEND, ALL)
_PRICES = frozenset({"open", "high", "low", "close", "price", "bid", "ask"})


class NotAdjustable(BadRequest):
    """Only prices of bars, trades and quotes can be adjusted, by raw, split, dividend or all."""

    code = "ADJUSTMENT_UNKNOWN"


@dataclass(frozen=True)
class Adjustment:
    """Factors by date: what stands before `days[i]` is multiplied by `prices[i]`, its volume by `volumes[i]`.

    The factors are the products of the steps from `days[i]` on; a step is what the actions of its date alone do.
    """

    days: np.ndarray
    prices: np.ndarray
    volumes: np.ndarray
    zone: str
    price_steps: np.ndarray
    volume_steps: np.ndarray

    def apply(self, rows: Any) -> Any:
        """Return a pyarrow table with its prices and volumes adjusted; ts_event must be among its columns."""
        import numpy as np
        import pyarrow as pa

        if not len(self.days):
            return rows
        day = days_of(rows, self.zone)
        at = np.searchsorted(self.days, day, side="right")
        prices = np.append(self.prices, 1.0)[at]
        volumes = np.append(self.volumes, 1.0)[at]
        for number, name in enumerate(rows.column_names):
            factor = prices if name in _PRICES else volumes if name == "volume" else None
            if factor is not None:
                values = rows.column(name)
                made = pa.array(values.to_numpy() * factor, mask=~values.is_valid().to_numpy())
                rows = rows.set_column(number, name, made)
        return rows


def of_entry(
    entry: LakeEntry, kind: str, as_of: datetime | None = None, start_ns: int | None = None
) -> Adjustment | None:
    """Return the adjustment of an entry's rows (as they were known at a time), None when nothing is to be done.

    NotAdjustable for a kind nobody knows, or a table without prices; SplitUnwitnessed where splits are to be taken out
    and a suspected one lies after `start_ns` (None: the first row).
    """
    if kind not in KINDS:
        raise NotAdjustable(f"adjustment is one of {', '.join(KINDS)}", {"adjustment": kind[:32]})
    if kind == RAW:
        return None
    table = tables.find(entry.table)
    if not _PRICES & set(table.names):
        raise NotAdjustable(f"{entry.table} holds no prices to adjust", {"table": entry.table})
    if entry.last_ns is None:
        return None
    events, zone = _events(entry, as_of), _zone(entry)
    last = _last_day(entry, zone, as_of)
    if kind in (SPLIT, ALL):
        known = {day: value for day, action, value in events if action == "split"}
        suspects.refuse_across(entry, start_ns, last, known)
    if not events:
        return None
    events = [each for each in events if each[0] <= last]
    closes = _closes(entry, [day for day, action, _ in events if action == "dividend"], zone, as_of)
    return _factors(events, closes, kind, zone)


def days_of(rows: Any, zone: str) -> np.ndarray:
    """Return the date of each row: by UTC midnight where it is stamped so, else at the venue."""
    import numpy as np

    from datasets.market import partitions

    ns = rows.column("ts_event").cast("int64").to_numpy()
    if zone == "UTC":
        return ns // intervals.DAY
    return np.where(ns % intervals.DAY == 0, ns // intervals.DAY, partitions.local_days(ns, zone))


def _events(entry: LakeEntry, as_of: datetime | None) -> list[tuple[int, str, float]]:
    try:
        actions = scan.entry_of(entry.tenant_id, state.ACTIONS, entry.instrument)
        rows = list(scan.tables_of(scan.locate(actions, as_of=as_of), ["ts_event", "action", "value"]))
    except NotFound:
        return []
    found = []
    for table in rows:
        days = table.column("ts_event").cast("int64").to_numpy() // intervals.DAY
        actions_, values = table.column("action").to_pylist(), table.column("value").to_pylist()
        found += list(zip(days.tolist(), actions_, values, strict=True))
    return sorted(found)


def _last_day(entry: LakeEntry, zone: str, as_of: datetime | None) -> int:
    """Return the date of the last row: factors are anchored there."""
    import numpy as np

    from datasets.market import partitions

    segments = scan.locate(entry, as_of=as_of).segments
    ns = np.array([segments[-1].t1_ns if segments else entry.last_ns], dtype=np.int64)
    day = partitions.local_days(ns, zone) if zone != "UTC" and ns[0] % intervals.DAY else ns // intervals.DAY
    return int(day[0])


def _closes(entry: LakeEntry, days: list[int], zone: str, as_of: datetime | None) -> dict[int, float]:
    """Return the last raw price of the sessions on which a dividend took effect."""
    if not days:
        return {}
    price = "close" if "close" in tables.find(entry.table).names else "price"
    start, end = (min(days) - 1) * intervals.DAY, (max(days) + 2) * intervals.DAY
    found: dict[int, float] = {}
    wanted = set(days)
    for rows in scan.tables_of(scan.locate(entry, start, end, as_of), ["ts_event", price]):
        on, values = days_of(rows, zone), rows.column(price).to_numpy()
        # of a session in two row groups the later one stays
        found |= {day: value for day, value in zip(on.tolist(), values.tolist(), strict=True) if day in wanted}
    return found


def _factors(events: list[tuple[int, str, float]], closes: dict[int, float], kind: str, zone: str) -> Adjustment:
    import numpy as np

    steps: dict[int, list[float]] = {}
    for day, action, value in events:
        step = steps.setdefault(day, [1.0, 1.0])
        if action == "split" and kind in (SPLIT, ALL):
            step[0], step[1] = step[0] / value, step[1] * value
        if action == "dividend" and kind in (DIVIDEND, ALL) and closes.get(day):
            step[0] /= 1 + value / closes[day]
    days = sorted(day for day, step in steps.items() if step != [1.0, 1.0])
    prices, volumes, price, volume = [], [], 1.0, 1.0
    for day in reversed(days):
        price, volume = price * steps[day][0], volume * steps[day][1]
        prices.append(price)
        volumes.append(volume)
    alone = np.array([steps[day] for day in days]).reshape(-1, 2)
    return Adjustment(
        np.array(days), np.array(prices[::-1]), np.array(volumes[::-1]), zone, alone[:, 0].copy(), alone[:, 1].copy()
    )


def _zone(entry: LakeEntry) -> str:
    zone = (
        Instrument.of(entry.tenant_id)
        .filter(name=entry.instrument, valid_until=None)
        .values_list("timezone", flat=True)
    )
    return zone.first() or "UTC"
