"""Holes of event tables: when a row should be there is said by the table's own rhythm or by business days.

`funding` is paid at a steady beat, which the rows around a hole tell; `macro_treasury` has a row each business day of
the United States; `macro_series` one each session of the instrument's calendar, when its dates are daily at all. The
others follow no schedule, and `undecided` says so.
"""

from __future__ import annotations

from itertools import groupby

import numpy as np

from backfill.gaps.kinds import MISSING, MISSING_ROWS, SCHEDULED, UNSCHEDULED, Gap
from datasets.market import calendars
from datasets.market.calendars import Sessions
from datasets.market.intervals import DAY, HOUR
from datasets.market.tables import Table

LEAST = 4  # rows that a rhythm is told from
AROUND = 10  # pauses on either side that tell the beat at a hole
_STEADY = 0.1


def undecided(table: Table, times: np.ndarray) -> str:
    """Return why nobody can say which rows of an event table are missing; empty when it can be said."""
    if table.name not in SCHEDULED:
        return UNSCHEDULED.get(table.name, "no rule says when its rows should be there")
    if table.name == "macro_treasury":
        return ""
    if len(times) < LEAST:
        return f"{len(times)} row(s) tell no rhythm"
    pauses = np.diff(times)
    if table.name == "macro_series":
        return "" if round(float(np.median(pauses)) / DAY) == 1 else "its dates are not daily"
    beats = np.fmax(*_beats(pauses))
    steady = np.abs(pauses - beats) <= _STEADY * beats
    return "" if (beats > 0).all() and steady.mean() >= 0.5 else "its rows come at no steady beat"


def days(table: Table, calendar: str, start_ns: int, end_ns: int) -> Sessions | None:
    """Return the days around a range that should have a row, as sessions of 24 hours; None when no calendar says."""
    first, after = start_ns // DAY * DAY - 2 * DAY, end_ns + 2 * DAY
    if calendar not in ("", calendars.CONTINUOUS):
        labels = calendars.sessions(calendar, first, after).label_ns
    elif table.name == "macro_treasury":
        labels = _business_days(first, after)
    else:
        return None
    return Sessions(calendar, labels, labels, labels + DAY)


def _business_days(start_ns: int, end_ns: int) -> np.ndarray:
    """Return Mondays to Fridays that are no federal holiday of the United States."""
    from pandas.tseries.holiday import USFederalHolidayCalendar

    edges = (np.datetime64(start_ns, "ns"), np.datetime64(end_ns, "ns"))
    closed = USFederalHolidayCalendar().holidays(*edges).to_numpy().astype("datetime64[D]")
    listed = np.arange(start_ns // DAY, -(-end_ns // DAY)).astype("datetime64[D]")
    open_ = listed[np.is_busday(listed, holidays=closed)]
    return open_.astype(np.int64) * DAY


def payments(times: np.ndarray, start_ns: int, end_ns: int, now_ns: int, excused: frozenset[int]) -> list[Gap]:
    """Return the payments that are missing in [start, end), given the times of those that are there (rising).

    A pause is a hole when it is longer than the beat before it and the beat after it: where payments begin to come more
    often nothing is missing.
    """
    pauses = np.diff(times)
    before, after = _beats(pauses)
    beats = np.fmax(before, after).astype(np.int64)
    found: list[Gap] = []
    last, first = int(beats[-1]), int(beats[0])
    ahead = _slots(int(times[0]) - (int(times[0]) - start_ns) // first * first, int(times[0]), first)
    behind = _slots(int(times[-1]) + last, min(end_ns, now_ns), last)
    holes = [(ahead, first), (behind, last)]
    for at in np.flatnonzero(pauses > 1.5 * beats).tolist():
        beat = int(beats[at])
        missing = round(int(pauses[at]) / beat) - 1
        holes.append(([int(times[at]) + beat * (number + 1) for number in range(missing)], beat))
    there = set(((times + HOUR // 4) // DAY).tolist())
    for slots, beat in holes:
        wanted = [at for at in slots if start_ns <= at < end_ns and at + beat // 4 <= now_ns]
        for day, some in groupby(wanted, key=lambda at: (at + HOUR // 4) // DAY):
            if day not in excused:
                found.append(_gap(list(some), beat, day, day in there))
    return sorted(found)


def _slots(start_ns: int, end_ns: int, beat: int) -> list[int]:
    return list(range(start_ns, end_ns - beat // 2, beat))


def _gap(slots: list[int], beat: int, day: int, others: bool) -> Gap:
    whole = not others and len(slots) == DAY // beat
    start, end = slots[0] - beat // 4, slots[-1] + beat // 4
    return Gap(start, end, len(slots), MISSING_ROWS if others else MISSING, day if whole else None)


def _beats(pauses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the usual pause before and after each one, in whole hours; nan at the edges."""
    edge = np.full(AROUND, np.nan)
    padded = np.concatenate((edge, pauses.astype(float), edge))
    windows = np.lib.stride_tricks.sliding_window_view(padded, AROUND)
    count = len(pauses)
    told = []
    for some in (windows[:count], windows[AROUND + 1 : AROUND + 1 + count]):
        empty = np.isnan(some).all(axis=1)
        usual = np.full(count, np.nan)
        usual[~empty] = np.nanmedian(some[~empty], axis=1)
        told.append(np.round(usual / HOUR) * HOUR)
    return told[0], told[1]
