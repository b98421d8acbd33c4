"""Averages and extremes over the bars up to each one: float64 arrays in and out, NaN where there is no value yet.

Every value is made of its own window by additions in one fixed order, so that what comes later changes no bit of it.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def shifted(values: Array, lag: int = 1) -> Array:
    """Return each row's value `lag` rows before, NaN at the first ones."""
    out = np.full(len(values), np.nan)
    out[lag:] = values[: max(0, len(values) - lag)]
    return out


def total(values: Array, n: int) -> Array:
    """Return the sum of the last n values, NaN if one of them is."""
    out = np.full(len(values), np.nan)
    width = len(values) - n + 1
    if width <= 0:
        return out
    # one window element at a time, the oldest first: a vector sum may add in another order at another length
    found = np.zeros(width)
    for at in range(n):
        found += values[at : at + width]
    out[n - 1 :] = found
    return out


def simple(values: Array, n: int) -> Array:
    """Return the simple average of the last n values."""
    return total(values, n) / n


def weighted(values: Array, n: int) -> Array:
    """Return the average of the last n values with weights 1 to n, the newest the heaviest."""
    out = np.full(len(values), np.nan)
    width = len(values) - n + 1
    if width <= 0:
        return out
    found = np.zeros(width)
    for at in range(n):
        found += (at + 1.0) * values[at : at + width]
    out[n - 1 :] = found / (n * (n + 1) / 2)
    return out


def hull(values: Array, n: int) -> Array:
    """Return Hull's average: the weighted one over sqrt(n) of 2 WMA(n / 2) - WMA(n), lengths rounded down."""
    return weighted(2 * weighted(values, n // 2) - weighted(values, n), int(np.sqrt(n)))


def exponential(values: Array, n: int) -> Array:
    """Return the exponential average, alpha = 2 / (n + 1), seeded with the mean of the first n values."""
    return _smoothed(values, n, 2.0 / (n + 1))


def wilder(values: Array, n: int) -> Array:
    """Return Wilder's average, alpha = 1 / n, seeded with the mean of the first n (New Concepts, 1978)."""
    return _smoothed(values, n, 1.0 / n)


def highest(values: Array, n: int) -> Array:
    """Return the highest of the last n values."""
    return _extreme(values, n, np.maximum)


def lowest(values: Array, n: int) -> Array:
    """Return the lowest of the last n values."""
    return _extreme(values, n, np.minimum)


def deviation(values: Array, n: int) -> Array:
    """Return the sample standard deviation (n - 1) of the last n values."""
    return np.sqrt(_spread(values, n, np.square) / (n - 1))


def mean_deviation(values: Array, n: int) -> Array:
    """Return the mean distance of the last n values from their average."""
    return _spread(values, n, np.abs) / n


def ratio(above: Array, below: Array) -> Array:
    """Return above / below, NaN where nothing stands below."""
    out = np.full(len(above), np.nan)
    np.divide(above, below, out=out, where=below != 0)
    return out


def _smoothed(values: Array, n: int, alpha: float) -> Array:
    """Recur from the first finite value on; what comes after it must be finite."""
    out = np.full(len(values), np.nan)
    known = np.flatnonzero(np.isfinite(values))
    if not len(known) or len(values) - known[0] < n:
        return out
    first = int(known[0])
    given = values[first:].tolist()
    held = 0.0
    for each in given[:n]:
        held += each
    held /= n
    found = [held]
    for each in given[n:]:
        held += alpha * (each - held)
        found.append(held)
    out[first + n - 1 :] = found
    return out


def _extreme(values: Array, n: int, pick: np.ufunc) -> Array:
    out = np.full(len(values), np.nan)
    width = len(values) - n + 1
    if width <= 0:
        return out
    found = values[:width].copy()
    for at in range(1, n):
        found = pick(found, values[at : at + width])
    out[n - 1 :] = found
    return out


def _spread(values: Array, n: int, distance: np.ufunc) -> Array:
    out = np.full(len(values), np.nan)
    width = len(values) - n + 1
    if width <= 0:
        return out
    mean = simple(values, n)[n - 1 :]
    found = np.zeros(width)
    for at in range(n):
        found += distance(values[at : at + width] - mean)
    out[n - 1 :] = found
    return out
