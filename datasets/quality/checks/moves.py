"""Moves and outliers: steps between neighbouring prices, judged by named rules; nothing is ever deleted for them.

- large: the price changes by more than large_move_pct;
- toxic: it rises by more than toxic_up_pct, or falls by the equal move (to less than 1/6 for 500 %), both strictly;
- outlier: a step of outlier_step_pct to or from a price that also lies more than outlier_mads scaled median absolute
  deviations from the median of the eleven prices around it (Hampel identifier; scale 1.4826, on logarithms);
- split suspect: the open stands to the close before as a simple split ratio, within split_tolerance_pct, while the
volume,
  adjusted for the ratio, is not a burst (below split_volume_ratio times the median of the twenty bars before).
"""

from __future__ import annotations

import numpy as np

from datasets.market.intervals import DAY
from datasets.quality.checks.spec import Spec
from datasets.quality.result import Block, Findings, Sample

HALF_WINDOW = 5
CONTEXT = 32  # rows kept from block to block: the window, and the volumes before a split
_EXACT = 1 + 1e-12  # a move of exactly the limit is inside it, whatever the last bit of a quotient says
_RATIOS = ((2, 1), (3, 1), (3, 2), (4, 1), (5, 1), (5, 2), (6, 1), (7, 1), (8, 1), (10, 1), (12, 1), (15, 1), (20, 1))
RATIOS = (*_RATIOS, (25, 1), (30, 1), (40, 1), (50, 1), (100, 1))

SPECS = (
    Spec(
        "moves.large",
        "No large moves",
        "count",
        "The price changes by more than large_move_pct from one row to the next. The rows are kept.",
        "It may be true news, a split, a wrong unit or a bad price.",
        "Compare with another source; for splits, adjust. AAPL on 2000-09-29 (-52 %) is an example of a true one.",
    ),
    Spec(
        "moves.toxic",
        "No toxic moves",
        "count",
        "The price rises by more than toxic_up_pct (strictly), or falls by the equal move, from one row to the next.",
        "One such step dominates every statistic of a backtest.",
        "Correct the rows, adjust for the split, or raise the threshold if the move is true.",
    ),
    Spec(
        "moves.split",
        "No unadjusted splits",
        "count",
        "The open stands to the close before as a simple split ratio, and volume shows no burst. A suspicion only.",
        "An unadjusted split is a loss or gain that nobody had.",
        "Compare with the list of corporate actions and adjust the prices before the date.",
        ("bars",),
    ),
    Spec(
        "outliers.price",
        "No isolated prices",
        "count",
        "The price lies far from those around it, by the Hampel identifier. The rows are kept.",
        "A bad tick triggers stops and fills that never were.",
        "Compare with another source; remove the rows there if they are wrong.",
    ),
    Spec(
        "outliers.wick",
        "No extreme wicks",
        "count",
        "The low lies more than wick_pct below open and close, or the high as far above. The bars are kept.",
        "A flash crash looks the same as a bad tick (ETH-USD traded at 0.10 on 2017-06-21: true).",
        "Compare with another source.",
        ("bars",),
    ),
)


class Steps:
    """Moves, outliers and split suspects along one instrument's prices, zero and negative ones left aside."""

    def __init__(self, findings: Findings, limits: dict, price: str, *, bars: bool):
        self.findings, self.limits, self.price, self.bars = findings, limits, price, bars
        self.names = ("close", "open", "volume") if bars else (price,)
        self.kept: dict[str, np.ndarray] | None = None
        self.judged = 0  # rows of `kept` that need no second look
        self.instrument = ""

    def push(self, block: Block) -> None:
        """Look at the rows that have all neighbours; the others are carried."""
        self.instrument = block.instrument
        fresh = self._fresh(block)
        if self._quiet(fresh):
            return
        self._join(fresh)
        assert self.kept is not None
        rows = len(self.kept["price"])
        if rows > 2 * HALF_WINDOW:  # the first rows are judged in a full window too
            self._judge(rows - HALF_WINDOW)
        self._forget()

    def _fresh(self, block: Block) -> dict[str, np.ndarray]:
        price = _mid(block) if self.price == "mid" else block[self.price]
        fresh = {"ts": block.ts, "row": block.row, "price": price}
        if self.bars:
            fresh |= {"open": block["open"], "volume": block["volume"]}
        if price.min() > 0:  # not where one is NaN
            return fresh
        use = price > 0
        return {name: column[use] for name, column in fresh.items()}

    def _quiet(self, fresh: dict[str, np.ndarray]) -> bool:
        """Tell that there is no step in all that is not judged yet: then keep the last rows, as judging them would."""
        price = fresh["price"]
        if len(price) < CONTEXT + HALF_WINDOW or self._steps(price).any():
            return False
        if self.kept is not None and self._steps(np.append(self.kept["price"], price[:1])).any():
            return False
        self.kept = {name: column[-CONTEXT - HALF_WINDOW :].copy() for name, column in fresh.items()}
        self.judged = CONTEXT
        return True

    def _steps(self, price: np.ndarray) -> np.ndarray:
        least = 1 + min(float(self.limits["outlier_step_pct"]), float(self.limits["large_move_pct"])) / 100
        ratio = price[1:] / price[:-1]
        if not len(ratio) or (ratio.max() <= least and ratio.min() * least >= 1):
            return np.zeros(0, bool)
        return (ratio > least) | (ratio * least < 1)

    def finish(self) -> None:
        """Judge the last rows."""
        if self.kept is not None:
            self._judge(len(self.kept["price"]))

    def _join(self, fresh: dict[str, np.ndarray]) -> None:
        kept = self.kept
        self.kept = fresh if kept is None else {n: np.concatenate((kept[n], fresh[n])) for n in fresh}

    def _forget(self) -> None:
        assert self.kept is not None
        drop = max(0, self.judged - CONTEXT)
        # a copy: a view would hold all that was joined
        self.kept = {name: column[drop:].copy() for name, column in self.kept.items()}
        self.judged -= drop

    def _judge(self, until: int) -> None:
        begin = self.judged
        if until <= begin or self.kept is None:
            return
        self.judged = until
        steps = np.flatnonzero(self._steps(self.kept["price"])) + 1  # the row after the step
        if not len(steps):
            return
        ready = steps[(steps >= max(begin, 1)) & (steps < until)]
        self._moves(ready)
        around = np.unique(np.concatenate((steps, steps - 1)))
        self._outliers(around[(around >= begin) & (around < until)])
        if self.bars:
            self._splits(ready)

    def _moves(self, at: np.ndarray) -> None:
        assert self.kept is not None
        before, after = self.kept["price"][at - 1], self.kept["price"][at]
        large = float(self.limits["large_move_pct"]) / 100
        change = after / before - 1
        self._count("moves.large", at, (change > large * _EXACT) | (change < -large * _EXACT), before, after)
        up = 1 + float(self.limits["toxic_up_pct"]) / 100
        toxic = (after > before * up * _EXACT) | (after * up * _EXACT < before)
        self._count("moves.toxic", at, toxic, before, after)

    def _count(self, check: str, at: np.ndarray, hit: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
        assert self.kept is not None
        found = np.flatnonzero(hit)
        tally = self.findings[check]
        for number in found[:20].tolist():
            was, now = float(before[number]), float(after[number])
            self._one(check, int(at[number]), f"{was:.10g} -> {now:.10g} ({(now / was - 1) * 100:+.2f} %)")
        tally.count += max(0, len(found) - 20)

    def _one(self, check: str, at: int, value: object) -> None:
        assert self.kept is not None
        self.findings[check].add_one(
            Sample(int(self.kept["row"][at]), int(self.kept["ts"][at]), value, self.instrument)
        )

    def _outliers(self, at: np.ndarray) -> None:
        assert self.kept is not None
        price, width = self.kept["price"], 2 * HALF_WINDOW + 1
        if len(price) < width or not len(at):
            return
        first = np.clip(at - HALF_WINDOW, 0, len(price) - width)
        window = np.log(price[first[:, None] + np.arange(width)])
        median = np.median(window, axis=1)
        spread = 1.4826 * np.median(np.abs(window - median[:, None]), axis=1)
        away = np.abs(np.log(price[at]) - median)
        step = np.log1p(float(self.limits["outlier_step_pct"]) / 100)
        far = away > np.maximum(spread * float(self.limits["outlier_mads"]), step)
        for number in at[far].tolist():
            self._one("outliers.price", number, float(price[number]))

    def _splits(self, at: np.ndarray) -> None:
        assert self.kept is not None
        ts, price, opened, volume = (self.kept[name] for name in ("ts", "price", "open", "volume"))
        for number in at[:4096].tolist():
            if ts[number] // DAY == ts[number - 1] // DAY or not opened[number] > 0:
                continue
            before = volume[max(0, number - 20) : number]
            usual = float(np.median(before)) if len(before) else np.nan
            found = split_of(float(price[number - 1]), float(opened[number]), float(volume[number]), usual, self.limits)
            if found:
                self._one("moves.split", number, found)


def split_of(close: float, opened: float, volume: float, usual: float, limits: dict) -> str | None:
    """Return a split suspicion in words, None without one: prior close, open, volume, usual volume before."""
    gap = close / opened
    n, m = min(RATIOS, key=lambda ratio: abs(abs(np.log(gap)) - np.log(ratio[0] / ratio[1])))
    off = abs(abs(np.log(gap)) - np.log(n / m))
    forward = gap > 1
    name, factor = (f"{n}:{m}", n / m) if forward else (f"{m}:{n}", m / n)
    burst = volume / factor / usual if usual > 0 else np.nan
    # without volumes to tell a split from news, only a close fit to a whole ratio is worth a word
    nearest = off < 0.01 and m == 1 if np.isnan(burst) else off <= np.log1p(float(limits["split_tolerance_pct"]) / 100)
    if not nearest or burst >= float(limits["split_volume_ratio"]):
        return None
    sure = "unknown volume, low" if np.isnan(burst) else "high" if off < 0.01 and burst < 3 else "medium"
    shown = "" if np.isnan(burst) else f", volume {burst:.1f} x usual"
    return f"{name} suspected: open {opened:.10g} after close {close:.10g}{shown}; confidence {sure}"


class Wicks:
    """Bars whose high or low lies far outside open and close."""

    def __init__(self, findings: Findings, wick_pct: float):
        self.findings, self.share = findings, wick_pct / 100

    def push(self, block: Block) -> None:
        """Look at the rows."""
        top, bottom = np.maximum(block["open"], block["close"]), np.minimum(block["open"], block["close"])
        positive = bottom > 0
        down = positive & (block["low"] < bottom * (1 - self.share))
        up = positive & (block["high"] > top * (1 + self.share))
        self.findings["outliers.wick"].add(block, down | up, np.where(down, block["low"], block["high"]))


def _mid(block: Block) -> np.ndarray:
    return (block["bid"] + block["ask"]) / 2
