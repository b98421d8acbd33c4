"""What other vendors' series of an instrument say of a session that opens as after a split.

Looked at are adjusted rows that were refused (ADJUSTMENT_MIXED), the instrument's entries in other tables of bars, and
the newest validated version of each dataset that says its vendor and holds the instrument's VENUE:SYMBOL in the same
interval. A series is a witness only when it is another vendor's than all who may have brought our own rows beside the
step, no dataset of which our rows were made, and not the same rows over again; else it is `dependent` and no witness.
Closes of three sessions before and three from the session on are compared (`weighing`).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from django.conf import settings

from datasets.lake import origins, rules, weighing
from datasets.lake.weighing import AGREES, CONTRADICTS, DEPENDENT, SIDE, SILENT
from datasets.market import tables
from datasets.models import LakeEntry, LakePartition
from tradenexus import db

__all__ = ["AGREES", "CONTRADICTS", "DEPENDENT", "SILENT", "Bar", "Case", "Evidence", "Series"]
REFUSED, ENTRY, DATASET = "refused rows", "entry", "dataset"
UNKNOWN = frozenset({"", "upload", "reviewer"})  # names that say nothing of whose rows they are


@dataclass(frozen=True)
class Bar:
    """One session of both: last closes, and the digests of the rows' values."""

    session: date
    ours: float
    theirs: float
    ours_digest: str
    digest: str

    @property
    def factor(self) -> float:
        """The other vendor's close over ours."""
        return self.theirs / self.ours


@dataclass
class Series:
    """Another series of the instrument around one session, as it was found; `source` is its typed id.

    `digest` is that of the file or content it was read from, `vendors` are all whose rows they may be.
    """

    kind: str
    source: str
    name: str
    vendors: frozenset[str]
    digest: str
    revision: int | None
    fetched_at: datetime | None
    closes: dict[date, tuple[float, str]]  # close, digest of the session's rows
    made_of_it: bool = False  # our rows were made of it, or it was changed by a person


@dataclass(frozen=True)
class Evidence:
    """What one series says: `says` and `ratio` as in `weighing`."""

    vendor: str
    kind: str
    source: str
    name: str
    revision: int | None
    digest: str
    fetched_at: datetime | None
    says: str
    ratio: float | None
    words: str
    bars: tuple[Bar, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is shown, and kept with what was recorded of it."""
        told = {name: value for name, value in asdict(self).items() if name not in ("bars", "fetched_at")}
        rows = [
            {"session": f"{bar.session}", "close": bar.theirs, "ours": bar.ours, "factor": bar.factor}
            | {"digest": bar.digest, "oursDigest": bar.ours_digest}
            for bar in self.bars
        ]
        return told | {"fetchedAt": self.fetched_at and self.fetched_at.isoformat(), "rows": rows}


class Case:
    """One suspected session of an entry, `step` as in `weighing`: our own rows around it, by which others are judged.

    `parts` are the sessions with rows that are compared, in order; `standing` knows them all.
    """

    def __init__(
        self,
        entry: LakeEntry,
        session: date,
        step: float | None,
        parts: list[LakePartition],
        standing: origins.Standing,
    ):
        self.entry, self.session, self.step, self.parts, self._standing = entry, session, step, parts, standing
        self.before = [part for part in parts if part.session < session][-1:]
        self.at = [part for part in parts if part.session == session]

    @cached_property
    def closes(self) -> dict[date, float]:
        """Our last close of each session."""
        return self._standing.closes_of(self.parts)

    @cached_property
    def vendors(self) -> frozenset[str]:
        """All vendors of whom one may have brought our rows on either side of the step."""
        return frozenset().union(*(self._standing.brought_by(part) for part in (*self.before, *self.at)))

    @property
    def span(self) -> tuple[int, int]:
        """From the first of the rows that are compared to after the last, in nanoseconds."""
        return min(part.first_ns or 0 for part in self.parts), max(part.last_ns or 0 for part in self.parts) + 1

    def judge(self, series: Series) -> Evidence:
        """Say what a series says of the session."""
        ours = {part.session: part.digest for part in self.parts}
        bars = [
            Bar(day, self.closes[day], close, ours[day], digest)
            for day, (close, digest) in sorted(series.closes.items())
            if day in self.closes and _sound(close) and _sound(self.closes[day])
        ]
        told = self._weighed(series, bars)
        return Evidence(
            vendor="|".join(sorted(series.vendors)),
            kind=series.kind,
            source=series.source,
            name=series.name,
            revision=series.revision,
            digest=series.digest,
            fetched_at=series.fetched_at,
            says=told.says,
            ratio=told.ratio,
            words=told.words,
            bars=tuple(bars),
        )

    def _weighed(self, series: Series, bars: list[Bar]) -> weighing.Weighed:
        if why := self._dependent(series, bars):
            return weighing.Weighed(DEPENDENT, why)
        before = [bar.factor for bar in bars if bar.session < self.session]
        after = [bar.factor for bar in bars if bar.session >= self.session]
        if self.step is None or all(bar.session != self.session for bar in bars):
            return weighing.Weighed(SILENT, "none of its closes of this session is known; bring its rows again")
        tolerance = rules.of(settings.NEXUS_LAKE_RULES).split_tolerance_pct
        return weighing.weigh(before, after, self.step, tolerance)

    def _dependent(self, series: Series, bars: list[Bar]) -> str:
        theirs, ours = _plain(series.vendors), _plain(self.vendors)
        if len(theirs) != 1 or theirs & UNKNOWN:
            return "nobody says which vendor's it is"
        if theirs & ours:
            return "our own rows beside the session may be this vendor's"
        if series.made_of_it:
            return "our rows were made of it, or a person changed it"
        if bars and all(bar.digest == bar.ours_digest for bar in bars):
            return "its rows are ours over again, to the last bit"
        return ""


def cases_of(entry: LakeEntry, steps: Mapping[date, float | None]) -> list[Case]:
    """Return the case of each suspected session of an entry, in the order given; asks once for all of them."""
    held = LakePartition.objects.filter(entry=entry, rows__gt=0, last_ns__isnull=False)
    sides = []
    for session in steps:
        sides.append(held.filter(session__lt=session).order_by("-session")[:SIDE])
        sides.append(held.filter(session__gte=session).order_by("session")[:SIDE])
    keys = db.keys_of(sides)
    parts = list(held.filter(id__in=set().union(*keys)).order_by("session"))
    standing = origins.Standing(entry, parts)
    return [
        Case(entry, session, step, [part for part in parts if part.id in before | after], standing)
        for (session, step), before, after in zip(steps.items(), keys[::2], keys[1::2], strict=True)
    ]


def fingerprint(case: Case, found: Iterable[Evidence]) -> str:
    """Return the digest of all that a decision on the session rests on: our rows, and what others say of it."""
    ours = [[f"{part.session}", part.digest] for part in case.parts]
    told = [
        [each.vendor, each.kind, each.source, each.says, each.ratio, [[f"{b.session}", b.digest] for b in each.bars]]
        for each in found
    ]
    named = [str(case.entry), f"{case.session}", ours, sorted(told, key=json.dumps)]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()


def comparable(table: str) -> bool:
    """Tell whether a table holds bars, whose closes can be compared."""
    return tables.find(table).family == tables.BARS


def _plain(vendors: frozenset[str]) -> frozenset[str]:
    return frozenset(each.strip().casefold() for each in vendors)


def _sound(price: float | None) -> bool:
    return price is not None and math.isfinite(price) and price > 0
