"""The coverage bar of a row of the list: the last twelve months of a version, each by the share of its days with rows.

Content never changes, so what was drawn once is kept by the content's digest under NEXUS_HOME/cache; the folder may be
deleted at any time. The list shows what is kept and asks for the rest when its rows come into sight.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings

from datasets import charts
from datasets.models import DatasetVersion
from datasets.pages import pictures

MONTHS = 12
FORMAT = 1
_HEIGHT = 16
_WIDTH = 5


@dataclass(frozen=True, slots=True)
class Spark:
    """Twelve bars, newest last: [x, y, height, share] each (share None before the first row), and the same in words."""

    bars: list[list[Any]]
    words: str


def kept(version: DatasetVersion) -> Spark | None:
    """Return the bar when it was drawn before."""
    if not version.content_digest:
        return None
    try:
        return Spark(**json.loads(_path(version).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def drawn(version: DatasetVersion) -> Spark:
    """Return the bar of a sealed version's first instrument, reading its days when it was not drawn before."""
    before = kept(version)
    if before:
        return before
    covered = charts.coverage(version, None)
    spark = _of(pictures.calendar(covered["days"]), covered["symbol"])
    _keep(_path(version), json.dumps({"bars": spark.bars, "words": spark.words}))
    return spark


def _of(found: dict[str, Any], symbol: str) -> Spark:
    expected, there = _counted(found)
    last = date.fromisoformat(found["last"])
    names = [_month(last, back) for back in reversed(range(MONTHS))]
    shares = [there.get(name, 0) / expected[name] if expected.get(name) else None for name in names]
    bars = [_bar(at, share) for at, share in enumerate(shares)]
    days, all_days = (sum(counts.get(name, 0) for name in names) for counts in (there, expected))
    first = next(name for name, share in zip(names, shares, strict=True) if share is not None)
    words = f"{symbol}: rows on {days:,} of {all_days:,} expected days from {first} to {names[-1]}"
    return Spark(bars, words)


def _counted(found: dict[str, Any]) -> tuple[dict[str, int], dict[str, int]]:
    """Return the days that are expected to have rows, and those that have, by month."""
    first = date.fromisoformat(found["first"])
    expected: dict[str, int] = {}
    there: dict[str, int] = {}
    for at, (state, rows) in enumerate(found["cells"]):
        if state == "benign":
            continue
        month = f"{first + timedelta(days=at):%Y-%m}"
        expected[month] = expected.get(month, 0) + 1
        there[month] = there.get(month, 0) + bool(rows)
    return expected, there


def _bar(at: int, share: float | None) -> list[Any]:
    # A month without a single row is a stub at the foot, told apart from months before the first row by its colour.
    height = 1 if share is None else max(2, round(share * _HEIGHT, 1))
    return [at * _WIDTH, round(_HEIGHT - height, 1), height, None if share is None else round(share, 3)]


def _month(last: date, back: int) -> str:
    months = last.year * 12 + last.month - 1 - back
    return f"{months // 12:04d}-{months % 12 + 1:02d}"


def _path(version: DatasetVersion) -> Path:
    digest = version.content_digest
    return Path(settings.NEXUS_HOME) / "cache" / "sparks" / digest[:2] / f"{digest}-{FORMAT}.json"


def _keep(path: Path, text: str) -> None:
    temporary = path.with_name(uuid4().hex)
    # A full disk must not hide what was drawn: it is shown, and drawn again the next time.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text)
        os.replace(temporary, path)
