"""The sandbox's simulator: one strategy over one or several price series, long or flat, filled at closes or opens.

A decision is taken on a bar's close. Its fill is at that close (`buy_on_close`) or at the next bar's open; a decision
on the last bar then has no fill. An entry spends the whole account times `leverage`, in fractions of a unit, such that
notional = leverage * (equity - commission * notional). Commission is a fraction of notional, paid at each fill.
Borrowed money costs nothing. A position still open at the end is closed at the last close, with commission.
An account that a leveraged position takes to zero or below at a close is closed there and stays at zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

TIE = 1e-12  # averages closer than this fraction are equal: float noise is not a crossing
_CHUNK = 65_536


class RunError(Exception):
    """The run cannot be done on this data: no bars in the range, or a fill at a price that is not positive."""


@dataclass(frozen=True)
class Bars:
    """Bars of one series in ascending order: `times` datetime64[s] UTC (open of the bar), prices float64."""

    data_id: str
    name: str
    times: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray


@dataclass(frozen=True)
class Terms:
    """How the account trades: cash at the start, commission as a fraction a side, leverage >= some positive number."""

    initial_cash: float
    commission: float
    leverage: float
    buy_on_close: bool


@dataclass
class Account:
    """What a run left: `equity` after each bar's close, and the closed trades in order."""

    equity: np.ndarray
    trades: list[dict[str, object]] = field(default_factory=list)


def decisions(recipe: str, parameters: dict[str, int], bars: Bars) -> np.ndarray:
    """Return int8 per bar: 1 = be long from this bar's close, -1 = be flat, 0 = stay as you are.

    sma_cross: simple averages of the last `fast` and `slow` closes; long on the bar where fast goes from <= slow to
    > slow, flat where it goes from >= slow to < slow (the bar before must have both averages).
    breakout (Donchian channel): long when close > the highest high of the `lookback` bars before this one, flat when
    close < their lowest low; a touch is not a break.
    """
    if recipe == "buy_and_hold":
        wanted = np.zeros(len(bars.close), np.int8)
        wanted[:1] = 1
        return wanted
    if recipe == "sma_cross":
        return _crossings(bars.close, parameters["fast"], parameters["slow"])
    return _breaks(bars, parameters["lookback"])


def run(bars: Bars, wanted: np.ndarray, terms: Terms) -> Account:
    """Walk the bars from decision to decision and return the account; raises RunError."""
    if not len(bars.close):
        raise RunError(f"no bars of {bars.name} ({bars.data_id}) in the range")
    walk = _Walk(bars, terms)
    for index in np.flatnonzero(wanted):
        if not walk.decide(int(index), long=wanted[index] > 0):
            break
    return walk.finish()


def combined(series: list[Bars], accounts: list[Account], share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (times, equity) of several accounts that started with `share` each, on the union of their bars.

    Between its own bars an account keeps its last equity; before its first bar it is its cash.
    """
    times = np.unique(np.concatenate([bars.times for bars in series]))
    total = np.zeros(len(times))
    for bars, account in zip(series, accounts, strict=True):
        place = np.searchsorted(bars.times, times, side="right") - 1
        total += np.where(place < 0, share, account.equity[np.maximum(place, 0)])
    return times, total


class _Walk:
    def __init__(self, bars: Bars, terms: Terms) -> None:
        self.bars, self.terms = bars, terms
        self.cash, self.quantity, self.done_to = terms.initial_cash, 0.0, 0
        self.account = Account(np.empty(len(bars.close)))
        self.entry: dict[str, float] = {}

    def decide(self, index: int, long: bool) -> bool:
        """Act on the decision of bar `index`; False when nothing more can happen."""
        if long == bool(self.quantity):
            return True
        fill = index if self.terms.buy_on_close else index + 1
        if fill >= len(self.bars.close) or self._value_to(fill):
            return False
        price = float((self.bars.close if self.terms.buy_on_close else self.bars.open)[fill])
        if long:
            self._enter(fill, price)
        else:
            self._leave(fill, price, "signal")
        return self.cash > 0 or self.quantity != 0

    def finish(self) -> Account:
        last = len(self.bars.close) - 1
        if not self._value_to(last + 1):
            if self.quantity:
                self._leave(last, float(self.bars.close[last]), "end_of_data")
            self.account.equity[last] = self.cash
        return self.account

    def _value_to(self, end: int) -> bool:
        """Write the equity of the bars up to `end` under the present holding; True when it ruined the account."""
        held = slice(self.done_to, end)
        worth = self.cash + self.quantity * self.bars.close[held]
        self.account.equity[held] = worth
        ruined = np.flatnonzero(worth <= 0) if self.quantity else np.empty(0, np.int64)
        if len(ruined):
            at = self.done_to + int(ruined[0])
            self._leave(at, float(self.bars.close[at]), "liquidated")
            self.account.equity[at:] = 0.0
            self.done_to = len(self.bars.close)
            return True
        self.done_to = end
        return False

    def _enter(self, fill: int, price: float) -> None:
        if price <= 0:
            raise RunError(f"{self.bars.name}: cannot buy at {price} on {self.bars.times[fill]}")
        terms = self.terms
        notional = terms.leverage * self.cash / (1 + terms.leverage * terms.commission)
        fee = terms.commission * notional
        self.entry = {"fill": fill, "price": price, "equity": self.cash, "fee": fee}
        self.quantity = notional / price
        self.cash -= notional + fee

    def _leave(self, fill: int, price: float, reason: str) -> None:
        fee = self.terms.commission * abs(self.quantity * price)
        before, quantity = self.entry["equity"], self.quantity
        # Losses end at the account: what a position lost beyond it is the (simulated) broker's.
        self.cash = max(0.0, self.cash + quantity * price - fee) if reason != "liquidated" else 0.0
        self.quantity = 0.0
        entered = int(self.entry["fill"])
        self.account.trades.append(
            {
                "data_id": self.bars.data_id,
                "symbol": self.bars.name,
                "side": "long",
                "quantity": quantity,
                "entry_date": _iso(self.bars.times[entered]),
                "entry_price": self.entry["price"],
                "exit_date": _iso(self.bars.times[fill]),
                "exit_price": price,
                "commission": self.entry["fee"] + fee,
                "pnl": self.cash - before,
                "return": (self.cash - before) / before,
                "bars": fill - entered,
                "exit_reason": reason,
            }
        )


def _crossings(close: np.ndarray, fast: int, slow: int) -> np.ndarray:
    wanted = np.zeros(len(close), np.int8)
    if len(close) <= slow:
        return wanted
    slow_mean = _rolled(np.mean, close, slow)
    gap = _rolled(np.mean, close, fast)[slow - fast :] - slow_mean
    gap[np.abs(gap) <= TIE * np.abs(slow_mean)] = 0.0
    wanted[slow:][(gap[1:] > 0) & (gap[:-1] <= 0)] = 1
    wanted[slow:][(gap[1:] < 0) & (gap[:-1] >= 0)] = -1
    return wanted


def _breaks(bars: Bars, lookback: int) -> np.ndarray:
    wanted = np.zeros(len(bars.close), np.int8)
    if len(bars.close) <= lookback:
        return wanted
    close = bars.close[lookback:]
    wanted[lookback:][close > _rolled(np.max, bars.high, lookback)[:-1]] = 1
    wanted[lookback:][close < _rolled(np.min, bars.low, lookback)[:-1]] = -1
    return wanted


def _rolled(reduce: object, values: np.ndarray, window: int) -> np.ndarray:
    # Windows are reduced one by one, not by running sums: a running sum leaves noise that looks like crossings.
    views = sliding_window_view(values, window)
    return np.concatenate([reduce(views[at : at + _CHUNK], axis=1) for at in range(0, len(views), _CHUNK)])  # type: ignore[operator]


def _iso(moment: np.datetime64) -> str:
    return f"{moment.astype('datetime64[s]')}Z"
