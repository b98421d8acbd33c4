"""The named thresholds of the three profiles, and overrides of them.

`<check>.amber` and `<check>.red` are limits: the measure of a check is AMBER above the first and RED above the second
(strictly), None means never. The other names are parameters of the rules themselves.
"""

from __future__ import annotations

from typing import Any

from tradenexus.errors import BadRequest

PROFILES = ("lenient", "standard", "strict")

# check: (lenient, standard, strict), each (amber, red)
_LIMITS: dict[str, tuple[tuple[float | None, float | None], ...]] = {
    "schema.file": ((0, 0), (0, 0), (0, 0)),
    "schema.readable": ((0, 0.10), (0, 0.01), (0, 0)),
    "schema.rows": ((0, 0), (0, 0), (0, 0)),
    "schema.instruments": ((0, 0), (0, 0), (0, 0)),
    "values.nulls": ((0, 0.10), (0, 0.01), (0, 0)),
    "values.finite": ((0, 0.10), (0, 0.01), (0, 0)),
    "values.sparse": ((None, None), (0, None), (0, 0.01)),
    "values.zero_price": ((0, 0.10), (0, 0.01), (0, 0)),
    "values.negative_price": ((0, None), (0, 0.001), (0, 0)),
    "ohlc.high_low": ((0, 0.01), (0, 0), (0, 0)),
    "ohlc.inside": ((0, 0.10), (0, 0.01), (0, 0)),
    "volume.negative": ((0, 0.01), (0, 0), (0, 0)),
    "volume.zero": ((0.5, None), (0.1, None), (0, 0.5)),
    "order.monotonic": ((None, None), (0, None), (0, 0)),
    "time.before_1970": ((0, None), (0, None), (0, 0)),
    "time.year_1970": ((0, 0.5), (0, 0.01), (0, 0)),
    "time.future": ((0, 0.01), (0, 0), (0, 0)),
    "interval.regular": ((0, None), (0, None), (0, 0)),
    "interval.known": ((0, None), (0, None), (0, 0)),
    "interval.declared": ((0, None), (0, None), (0, 0)),
    "gaps.bars": ((0, None), (0, None), (0, 0.01)),
    "gaps.silence": ((0, None), (0, None), (0, None)),
    "sessions.calendar": ((0, None), (0, None), (0, 0)),
    "sessions.outside": ((0, None), (0, None), (0, 0.01)),
    "duplicates.ids": ((0, 0.50), (0, 0.05), (0, 0)),
    "duplicates.sequence": ((0, None), (0, None), (0, 0)),
    "duplicates.rows": ((0, None), (0, None), (0, 0.05)),
    "duplicates.bars": ((0, None), (0, 0.05), (0, 0)),
    "duplicates.bar_conflicts": ((0, None), (0, 0), (0, 0)),
    "outliers.price": ((0, None), (0, None), (0, None)),
    "outliers.wick": ((0, None), (0, None), (0, None)),
    "moves.large": ((0, None), (0, None), (0, None)),
    "moves.toxic": ((0, None), (0, 0), (0, 0)),
    "moves.split": ((0, None), (0, None), (0, None)),
    "bbo.crossed": ((0, 0.10), (0, 0.01), (0, 0)),
    "bbo.locked": ((None, None), (0.01, None), (0, 0.01)),
}

_PARAMETERS: dict[str, tuple[float, float, float]] = {
    "toxic_up_pct": (500, 500, 500),  # a move of more than +500 % (strictly), or the equal move down: to less than 1/6
    "large_move_pct": (50, 30, 20),
    "outlier_step_pct": (50, 20, 10),
    "outlier_mads": (12, 8, 6),
    "wick_pct": (80, 50, 30),
    "split_tolerance_pct": (2, 3, 4),
    "split_volume_ratio": (5, 5, 5),
    "silence_s": (86_400, 3_600, 900),
    "future_s": (86_400, 86_400, 3_600),
    "max_instruments": (10_000, 10_000, 10_000),
}


class ThresholdUnknown(BadRequest):
    """A profile or threshold of this name does not exist, or its value is not a number. `details` lists the names."""

    code = "THRESHOLD_UNKNOWN"


def resolve(profile: str | None, overrides: dict[str, Any] | None = None) -> dict[str, float | None]:
    """Return every threshold by name for a profile, overrides applied; refuses unknown names with ThresholdUnknown."""
    profile = profile or "standard"
    if profile not in PROFILES:
        raise ThresholdUnknown(f"There is no profile {str(profile)[:40]!r}.", {"profiles": list(PROFILES)})
    at = PROFILES.index(profile)
    table: dict[str, float | None] = {name: values[at] for name, values in _PARAMETERS.items()}
    for check, limits in _LIMITS.items():
        table[f"{check}.amber"], table[f"{check}.red"] = limits[at]
    for name, value in (overrides or {}).items():
        table[_known(name, table)] = _number(name, value)
    return table


def _known(name: str, table: dict[str, float | None]) -> str:
    if name not in table:
        raise ThresholdUnknown(f"There is no threshold {str(name)[:60]!r}.", {"thresholds": sorted(table)})
    return name


def _number(name: str, value: Any) -> float | None:
    if value is None and name not in _PARAMETERS:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e18:
        raise ThresholdUnknown(f"The threshold {name} takes a number that is not negative.", {"threshold": name})
    return value
