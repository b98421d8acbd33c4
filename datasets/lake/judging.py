"""Verdicts on the sessions of one instrument, from its rows in order: arrays in, codes out; nothing is deleted.

A toxic step is judged against the last close that was not itself refused, so that what follows a bad session is judged
by the good one before it. A known split (a row of corporate_actions) is taken out of the step first.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from datasets.lake.rules import Rules
from datasets.market import tables
from datasets.market.tables import Table
from datasets.quality.checks.moves import RATIOS

_PRICES = ("open", "high", "low", "close", "price", "bid", "ask")
HISTORY = 20  # sessions before that a volume is compared with
_EXACT = 1 + 1e-12
_SPLITS = np.log(np.array([ratio for a, b in RATIOS for ratio in (a / b, b / a)]))


@dataclass
class Session:
    """What was found of one session: its rows are [start, stop) of the table that was judged."""

    day: int
    start: int
    stop: int
    codes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, code: str, note: str = "") -> None:
        """Note a code, once."""
        if code not in self.codes:
            self.codes.append(code)
            if note:
                self.notes.append(note)


@dataclass
class Before:
    """What came before the rows that are judged: the last good close, and session volumes, the newest last.

    `standing` are last closes of the lake's own sessions, by day: where offered rows are refused, those stay.
    """

    close: float | None = None
    volumes: list[float] = field(default_factory=list)
    closes: list[float] = field(default_factory=list)
    standing: dict[int, float] = field(default_factory=dict)


def sessions(days: np.ndarray) -> list[Session]:
    """Cut rows, whose session dates do not fall, into sessions."""
    if not len(days):
        return []
    starts = np.flatnonzero(np.concatenate(([True], days[1:] != days[:-1])))
    stops = np.append(starts[1:], len(days))
    return [Session(int(days[a]), a, b) for a, b in zip(starts.tolist(), stops.tolist(), strict=True)]


def distinct(rising: np.ndarray) -> list[int]:
    """Return the different ones of numbers that do not fall: their order saves looking for each."""
    return [int(each) for each in rising[np.flatnonzero(np.diff(rising, prepend=rising[:1] - 1))]]


def followed(table: Table) -> list[str]:
    """Return the columns that `follow` looks at, and the time."""
    return [name for name in ("ts_event", _price(table), "volume") if name in table.names]


def follow(table: Table, rows: pa.Table, found: list[Session], before: Before) -> None:
    """Note closes and volumes of sessions that were judged long ago, in order; bars and trades only."""
    if _price(table) not in table.names:
        return
    closes = _floats(rows, _price(table))
    volumes = _floats(rows, "volume") if table.family == tables.BARS else None
    for session in found:
        if volumes is not None:
            volume = float(np.nansum(volumes[session.start : session.stop]))
            before.volumes = [*before.volumes[1 - HISTORY :], volume]
        before.close = float(closes[session.stop - 1])
        before.closes = [*before.closes[1 - HISTORY :], before.close]


def _price(table: Table) -> str:
    return "close" if table.family == tables.BARS else "price"


def check_values(table: Table, rows: pa.Table, found: list[Session], *, signed: bool) -> None:
    """Note BAD_VALUES: nulls where none may be, what is not finite, OHLC that contradicts itself, bad signs."""
    bad = np.zeros(rows.num_rows, dtype=bool)
    for column in table.columns:
        values = rows.column(column.name)
        if not column.nullable and values.null_count:
            bad |= ~values.is_valid().to_numpy()
        if column.dtype == "float64":
            numbers = _floats(rows, column.name)
            bad |= np.isinf(numbers) | (np.isnan(numbers) & values.is_valid().to_numpy())
    prices = [name for name in table.names if name in _PRICES]
    if not signed:
        for price in prices:
            bad |= _floats(rows, price) <= 0
    if table.family == tables.BARS:
        o, h, low, c = (_floats(rows, name) for name in ("open", "high", "low", "close"))
        bad |= (h < low) | (h < o) | (h < c) | (low > o) | (low > c)
    for name in ("volume", "size", "bid_size", "ask_size"):
        if name in table.names:
            bad |= _floats(rows, name) < 0
    for session in found if bad.any() else ():
        count = int(bad[session.start : session.stop].sum())
        if count:
            session.add("BAD_VALUES", f"{count} row(s) with values that cannot be")


def judge(
    table: Table, rows: pa.Table, found: list[Session], rules: Rules, before: Before, splits: dict[int, float]
) -> None:
    """Note what the prices and volumes of each session say, in order; bars and trades only.

    `splits` = {day: new shares for one old} are known ones: they are no surprise. Sessions that already carry a RED
    code are passed over as if they were not there.
    """
    if _price(table) not in table.names or not rows.num_rows:
        return
    closes = _floats(rows, _price(table))
    walk = _Walk(table, rules, before, splits)
    bars = {name: _floats(rows, name) for name in ("open", "high", "low", "volume") if table.family == tables.BARS}
    for session in found:
        walk.step(session, closes, bars)


class _Walk:
    def __init__(self, table: Table, rules: Rules, before: Before, splits: dict[int, float]):
        self.table, self.rules, self.splits, self.before = table, rules, splits, before
        self.up = (1 + rules.toxic_up_pct / 100) * _EXACT
        self.large = 1 + rules.large_move_pct / 100

    def step(self, session: Session, closes: np.ndarray, bars: dict[str, np.ndarray]) -> None:
        if {"BAD_VALUES", "CONTAMINATED", "ADJUSTMENT_MIXED"} & set(session.codes):
            self._stays(session)
            return
        own = closes[session.start : session.stop]
        split = self.splits.get(session.day, 1.0)
        prior = None if self.before.close is None else self.before.close / split
        with np.errstate(divide="ignore", invalid="ignore"):
            before = np.concatenate(([prior if prior else np.nan], own[:-1]))
            opened = bars["open"][session.start : session.stop] if bars else own
            ratios = np.concatenate((own / before, opened / before))
        ratios = ratios[(ratios > 0) & np.isfinite(ratios)]
        worst = max(float(ratios.max()), 1 / float(ratios.min())) if len(ratios) else 1.0
        if worst > self.up:
            session.add("TOXIC", f"moves by a factor of {worst:.6g} against the last good price")
            self._stays(session)
            return
        if bars:
            volume = float(np.nansum(bars["volume"][session.start : session.stop]))
            self._volume(session, volume)
            self._split(session, float(bars["open"][session.start]), prior, volume)
            self._wick(session, own, bars)
            self._stall(session, own, volume)
            self.before.volumes = [*self.before.volumes[1 - HISTORY :], volume]
        if worst > self.large:
            session.add("RET_OUTLIER", f"moves by a factor of {worst:.6g}")
        self._sign(session, own, prior)
        self.before.close = float(own[-1])
        self.before.closes = [*self.before.closes[1 - HISTORY :], float(own[-1])]

    def _stays(self, session: Session) -> None:
        """Go on from what the lake has of a refused session, if it has one."""
        self.before.close = self.before.standing.get(session.day, self.before.close)

    def _sign(self, session: Session, own: np.ndarray, prior: float | None) -> None:
        if (own <= 0).any() and prior is not None and prior > 0:
            session.add("RET_OUTLIER", f"the price falls to {own.min():.6g}")

    def _volume(self, session: Session, volume: float) -> None:
        if len(self.before.volumes) < HISTORY // 2:
            return
        usual = float(np.median(self.before.volumes))
        if usual > 0 and volume > self.rules.volume_spike * usual:
            session.add("VOL_SPIKE", f"volume is {volume / usual:.3g} times the usual")

    def _split(self, session: Session, opened: float, prior: float | None, volume: float) -> None:
        if prior is None or prior <= 0 or opened <= 0 or session.day in self.splits:
            return
        step = np.log(opened / prior)
        if abs(step) < np.log(1.3) or np.abs(_SPLITS - step).min() > np.log1p(self.rules.split_tolerance_pct / 100):
            return
        usual = float(np.median(self.before.volumes)) if self.before.volumes else 0.0
        shares = volume * min(1.0, opened / prior)
        if usual <= 0 or shares < self.rules.split_volume_ratio * usual:
            session.add(
                "SPLIT_SUSPECT", f"opens at {opened / prior:.4g} of the close before, without a burst of volume"
            )

    def _wick(self, session: Session, own: np.ndarray, bars: dict[str, np.ndarray]) -> None:
        part = slice(session.start, session.stop)
        with np.errstate(divide="ignore", invalid="ignore"):
            below = np.where(own > 0, 1 - bars["low"][part] / own, 0)
            above = np.where(own > 0, bars["high"][part] / own - 1, 0)
        limit = self.rules.wick_pct / 100
        if below.max() > limit or above.max() > limit:
            low, high = bars["low"][part].min(), bars["high"][part].max()
            session.add("RET_OUTLIER", f"a wick reaches {low if below.max() > limit else high:.6g}")

    def _stall(self, session: Session, own: np.ndarray, volume: float) -> None:
        still = bool((own == own[0]).all())
        if self.table.interval == "1d":
            last = self.before.closes[1 - int(self.rules.stall_sessions) :]
            still = len(last) >= self.rules.stall_sessions - 1 and all(each == own[0] for each in last)
        if still and volume == 0 and (self.table.interval == "1d" or len(own) >= 30):
            session.add("STALLED", "the price does not move and nothing is traded")


def _floats(rows: pa.Table, name: str) -> np.ndarray:
    column = rows.column(name)
    return (column if column.type == pa.float64() else column.cast(pa.float64())).to_numpy()
