"""What a recipe could say, read off what was found: one proposal for a finding, never more than a proposal.

Whether rows are wrong only a person can tell; a preview shows what each step would touch. Values only, no I/O.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from datasets.market.kinds import BARS, COLUMNS
from datasets.transforms import recipe

PRICES = ["open", "high", "low", "close"]
_REPEATED = frozenset({"duplicates.ids", "duplicates.bars", "duplicates.bar_conflicts"})  # left out anyway
SPLITS = 5  # of one report
_SPLIT = re.compile(r"(\d+):(\d+)", re.ASCII)
_FACTOR = re.compile(r"(?:by a factor of|closes are) ([0-9.e+-]+)")
# Dropping these rows is no mend: they may be true, or only stand in another order than one would like.
_NO_DROP = frozenset({"order.monotonic", "schema.instruments", "values.sparse", "volume.zero", "moves.large"})


@dataclass(frozen=True)
class Proposal:
    """Steps that could mend one finding, `sure` where nothing true is lost by them; the finding in words."""

    finding: str
    about: str
    steps: tuple[dict[str, Any], ...]
    sure: bool = False


def for_report(body: Mapping[str, Any], kind: str) -> list[Proposal]:
    """Return what could be done about the checks of a report that are not GREEN, the RED ones first."""
    bad = [check for check in body.get("checks", []) if check["grade"] != "GREEN" and check["count"]]
    found: list[Proposal] = []
    for check in sorted(bad, key=lambda check: check["grade"] != "RED"):
        about = f"{check['title']}: {check['count']:,}"
        for steps in _of_check(check, kind):
            sure = check["grade"] == "RED" or check["id"] in _REPEATED
            found.append(Proposal(check["id"], about, tuple(recipe.parse(steps, kind)), sure))
    return found


def for_refused(code: str, notes: str, kind: str) -> list[Proposal]:
    """Return what could be done about refused rows of the lake."""
    found: Iterable[list[dict[str, Any]]] = ()
    if code == "BAD_VALUES":
        named = ["values.finite", "values.zero_price", "values.negative_price", "volume.negative"]
        named += ["ohlc.high_low", "ohlc.inside"] if kind == BARS else []
        found = [[{"op": "drop", "check": name}] for name in named]
    elif code in ("TOXIC", "ADJUSTMENT_MIXED") and (factor := _factor(notes)):
        columns = PRICES if kind == BARS else [name for name in ("price", "bid", "ask") if name in COLUMNS[kind]]
        # Which of the two it is, a note of TOXIC does not say: it names the size of the move.
        factors: list[float | str] = [f"1/{factor:g}"] if code == "ADJUSTMENT_MIXED" else [f"1/{factor:g}", factor]
        found = [[{"op": "scale", "columns": columns, "factor": each}] for each in factors]
    return [Proposal(code, notes or code, tuple(recipe.parse(steps, kind))) for steps in found]


def _of_check(check: Mapping[str, Any], kind: str) -> list[list[dict[str, Any]]]:
    name = check["id"]
    if name.startswith("duplicates."):
        by = list(COLUMNS[kind]) if name == "duplicates.rows" else None
        return [[{"op": "dedupe", "keep": "first", **({"by": by} if by else {})}]]
    if name == "moves.split":
        return [steps for sample in check["samples"][:SPLITS] if (steps := _unsplit(sample))]
    if name in _NO_DROP or not recipe.names_rows(name):
        return []
    return [[{"op": "drop", "check": name}]]


def _unsplit(sample: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Divide prices before a suspected split, and multiply volumes, as the ratio says."""
    ratio = _SPLIT.search(str(sample.get("value") or ""))
    if ratio is None or not sample.get("ts"):
        return []
    new, old = ratio.groups()
    only = {"to": sample["ts"], **({"instrument": sample["instrument"]} if sample.get("instrument") else {})}
    return [
        {"op": "scale", "columns": PRICES, "factor": f"{old}/{new}", **only},
        {"op": "scale", "columns": ["volume"], "factor": f"{new}/{old}", **only},
    ]


def _factor(notes: str) -> float | None:
    """Return the factor that a verdict's note names, as the power of ten that it is near to, if it is near to one."""
    found = _FACTOR.search(notes)
    try:
        factor = float(found[1]) if found else 1.0
    except ValueError:
        return None
    if not (math.isfinite(factor) and factor > 0) or factor == 1:
        return None
    ten = 10.0 ** round(math.log10(factor))
    return ten if ten != 1 and 0.5 < factor / ten < 2 else factor
