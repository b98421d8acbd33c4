"""Whether two samples come from one distribution: numbers in, numbers out.

Kolmogorov-Smirnov, two samples of n and m: D = max |F(x) - G(x)| over all x, where F and G are the parts of each sample
that are <= x. The chance of a D at least this large when both come from one distribution is about
Q(l) = 2 sum_{k>=1} (-1)^(k-1) exp(-2 k^2 l^2), with l = (sqrt(e) + 0.12 + 0.11 / sqrt(e)) D and e = n m / (n + m).

Population stability index: the history is cut at its deciles, p and q are the parts of history and newest in each of
the ten bins (at least 1 / 10,000), and PSI = sum (q - p) ln(q / p). Below 0.1 nothing moved, above 0.25 much did.

Returns of one instrument are not independent (calm and wild weeks follow each other), so a small chance alone says
little: drift is called only when PSI is above 0.25 as well.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

CHANCE, MOVED = 0.001, 0.25
FEWEST_NEW, FEWEST_OLD = 20, 100
_FLOOR = 1e-4


def compare(history: np.ndarray, newest: np.ndarray) -> dict[str, Any] | None:
    """Return {ks, chance, psi, drifted, history, newest} (the last two: how many); None when there are too few."""
    history, newest = history[np.isfinite(history)], newest[np.isfinite(newest)]
    if len(history) < FEWEST_OLD or len(newest) < FEWEST_NEW:
        return None
    distance = ks(history, newest)
    chance, index = ks_chance(distance, len(history), len(newest)), psi(history, newest)
    return {
        "ks": round(distance, 4),
        "chance": round(chance, 6),
        "psi": round(index, 4),
        "drifted": bool(chance < CHANCE and index > MOVED),
        "history": len(history),
        "newest": len(newest),
    }


def ks(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest distance between the two empirical distributions, 0 to 1."""
    one, other = np.sort(one), np.sort(other)
    at = np.concatenate((one, other))
    parts = (np.searchsorted(sample, at, side="right") / len(sample) for sample in (one, other))
    first, second = parts
    return float(np.abs(first - second).max())


def ks_chance(distance: float, n: int, m: int) -> float:
    """Return the chance of such a distance between two samples of one distribution (asymptotic)."""
    root = math.sqrt(n * m / (n + m))
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.2:
        return 1.0  # the series does not settle there; its value is 1 to ten digits
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * k * k * scaled * scaled) for k in range(1, 101))
    return min(1.0, max(0.0, math.fsum(terms)))


def psi(history: np.ndarray, newest: np.ndarray) -> float:
    """Return the population stability index of the newest values over the deciles of the history."""
    edges = np.unique(np.quantile(history, np.arange(1, 10) / 10))
    bins = len(edges) + 1
    old, new = (
        np.maximum(np.bincount(np.searchsorted(edges, values, side="left"), minlength=bins) / len(values), _FLOOR)
        for values in (history, newest)
    )
    return float(((new - old) * np.log(new / old)).sum())
