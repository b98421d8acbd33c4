"""Verdicts that need more than an instrument's own prices (what stands in the lake, another vendor, the calendar).

Also the partitions that a commit touched, as the ledger keeps them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from datasets.lake import judging, merging, rules
from datasets.lake.judging import Session
from datasets.market import intervals, partitions, tables
from datasets.market.tables import Table

_SAME = 1e-6
_STEADY = 1e-3
_STEP = 3e-3  # a smaller change of a factor is the rounding of adjusted prices
COMPARED = 3  # bars of both that prices are compared by at least
_LONG = 10  # rows that a factor holds on average, or it is none


def is_red(session: Session) -> bool:
    """Tell whether the session's rows stay out of the lake."""
    return any(rules.STATUS[code] == rules.RED for code in session.codes)


def mixed_adjustment(table: Table, old: pa.Table, new: pa.Table, found: list[Session]) -> None:
    """Note ADJUSTMENT_MIXED when offered closes are the lake's times a factor that is steady for long: adjusted prices.

    The factor may change at the dates of splits and dividends. With one for all shared rows everything offered is
    refused; with a factor for some rows only those sessions.
    """
    if table.family != tables.BARS:
        return
    at_old, at_new = merging.shared(table, old, new)
    if len(at_old) < COMPARED:
        return
    ratio = new.column("close").to_numpy()[at_new] / old.column("close").to_numpy()[at_old]
    off = np.abs(ratio - 1) > 0.01
    if off.sum() < COMPARED or not _steady(ratio, off):
        return
    whole = bool(off.all())
    for session in found:
        inside = (at_new >= session.start) & (at_new < session.stop) & off
        if whole or inside.any():
            factor = float(np.median(ratio[inside if inside.any() else off]))
            session.add("ADJUSTMENT_MIXED", f"closes are {factor:.6g} times those of the lake")


def _steady(ratio: np.ndarray, off: np.ndarray) -> bool:
    """Tell whether ratios that are off one are one number, or few numbers each for long."""
    if np.ptp(ratio[off]) <= _STEADY * np.median(ratio[off]):
        return True
    steps = np.flatnonzero(np.abs(np.diff(np.log(ratio))) > _STEP) + 1
    runs = [run for run in np.split(np.arange(len(ratio)), steps) if off[run].any()]
    return len(runs) * _LONG <= off.sum() and all(np.ptp(ratio[run]) <= _STEP * np.median(ratio[run]) for run in runs)


def uncompared(given: dict[str, Any], table: Table, old: pa.Table, offered: pa.Table, found: list[Session]) -> None:
    """Note UNCOMPARED in sessions that another vendor fills of whom no bars can be held against those that stand.

    Adjusted prices, or those of another instrument, would look like any others there.
    """
    if table.family != tables.BARS or given["owner"] in ("", given["vendor"]):
        return
    shared = len(merging.shared(table, old, offered)[0])
    if shared < COMPARED:
        for session in found:
            session.add("UNCOMPARED", f"{shared} bars of {given['vendor']} could be compared")


def vendors_differ(
    given: dict[str, Any], limits: rules.Rules, table: Table, old: pa.Table, new: pa.Table, found: list[Session]
) -> None:
    """Note CROSS_VENDOR_MISMATCH where another vendor's closes of the same bars stand in the lake and differ."""
    held: dict[str, str] = given["vendors"]
    if table.family != tables.BARS or not held:
        return
    at_old, at_new = merging.shared(table, old, new)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.abs(new.column("close").to_numpy()[at_new] / old.column("close").to_numpy()[at_old] - 1)
    for session in found:
        other = held.get(str(session.day), "")
        if other in ("", given["vendor"]):
            continue
        inside = (at_new >= session.start) & (at_new < session.stop)
        worst = float(apart[inside].max()) if inside.any() else 0.0
        if worst > limits.vendor_difference_pct / 100:
            session.add("CROSS_VENDOR_MISMATCH", f"closes differ from {other} by {worst:.3%}")


class Touched:
    """The partitions that a commit writes: those with offered rows, and expected ones that stayed empty."""

    def __init__(
        self,
        table: Table,
        calendar: str,
        given: dict[str, Any],
        found: list[Session],
        joined: pa.Table,
        days: np.ndarray,
    ):
        self.table, self.given, self.joined = table, given, joined
        self.times = joined.column("ts_event").cast(pa.int64()).to_numpy()
        self.offered = {session.day: session for session in found}
        self.stands = {session.day: session for session in judging.sessions(days)}
        told = [self.stands[day] for day in self.offered if day in self.stands]
        self.base = min((each.start for each in told), default=0)
        stop = max((each.stop for each in told), default=0)
        self.digests = merging.Digests(joined.slice(self.base, stop - self.base))
        first = min([given["startNs"], *self._edge(0)])
        last = max([given["endNs"], *(each + 1 for each in self._edge(-1))])
        # Rows may begin in the middle of a session: it opened before the first of them, and is no day off.
        expectation = partitions.expected(table, calendar, first - 2 * intervals.DAY, last)
        self.rows = dict(zip(expectation.days.tolist(), expectation.rows.tolist(), strict=True))
        self.short = {day for day, short in zip(expectation.days.tolist(), expectation.short, strict=True) if short}
        self.known = calendar != "" and table.family != tables.EVENTS
        wanted = partitions.expected(table, calendar, given["startNs"], given["endNs"])
        claimed = set(wanted.days.tolist()) if given["claims"] else set()
        benign = {int(day) for day in given["benign"]}
        # What a vendor said of a day stands, with its words, until somebody says more of it.
        self.wanted = (claimed - set(given["settled"])) | (benign & set(self.rows) if self.known else benign)

    def _edge(self, at: int) -> list[int]:
        return [int(self.times[at])] if len(self.times) else []

    def partitions(self) -> list[dict[str, Any]]:
        """Return the ledger's rows, by day; a session that stands and was refused now keeps the verdict it has."""
        held = {int(day) for day in self.given["vendors"]}
        empty = {day for day in self.wanted if day not in held and day not in self.offered}
        refused = {day for day, each in self.offered.items() if is_red(each) and day in self.stands}
        return [self._one(day) for day in sorted({*self.offered, *empty} - refused)]

    def _one(self, day: int) -> dict[str, Any]:
        session, stands = self.offered.get(day), self.stands.get(day)
        expected = self.rows.get(day, 0 if self.known else -1)
        if stands is None:
            codes, notes = (list(session.codes), session.notes) if session else self._silent(day)
            return self._told(day, codes, notes, expected, None)
        count = self._count(day, stands.stop - stands.start, expected)
        codes = [*(session.codes if session else []), *count]
        return self._told(day, codes, list(session.notes) if session else [], expected, stands)

    def _silent(self, day: int) -> tuple[list[str], list[str]]:
        """Return codes and notes of a session without rows: NO_DATA where its vendor says so, uncontradicted."""
        told, doubt = (self.given[name].get(str(day)) for name in ("benign", "contradicted"))
        if told is None or doubt is not None:
            return ["MISSING"], [doubt] if doubt is not None else []
        return ["NO_DATA"], [told]

    def _count(self, day: int, rows: int, expected: int) -> list[str]:
        if not self.known:
            return []
        if expected == 0:
            return ["NO_SESSION"]
        if expected < 0:
            return []
        if rows != expected:
            return ["MISSING_ROWS" if rows < expected else "ROW_COUNT_HIGH"]
        return ["SHORT_SESSION"] if day in self.short else []

    def _told(
        self, day: int, codes: list[str], notes: list[str], expected: int, stands: Session | None
    ) -> dict[str, Any]:
        codes, rows = rules.gravest(codes), 0 if stands is None else stands.stop - stands.start
        edges = [None, None] if stands is None else [int(self.times[at]) for at in (stands.start, stands.stop - 1)]
        return {
            "day": day,
            "status": rules.STATUS[codes[0]],
            "code": codes[0],
            "codes": codes,
            "rows": rows,
            "expected": None if expected < 0 else expected,
            "score": rules.score(codes, rows, expected),
            "digest": "" if stands is None else self.digests.of(stands.start - self.base, stands.stop - self.base),
            "firstNs": edges[0],
            "lastNs": edges[1],
            "notes": "; ".join(notes)[:2000],
        }
