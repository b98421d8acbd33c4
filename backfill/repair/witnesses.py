"""Who says that nothing was traded in a session, and whether to believe it.

A witness said that it has nothing there and expects nothing, of a time within its own history and of a range in which
no row stands; or it gave rows before and after the session and none in it. One is enough, once everybody who can fill
the table came to an answer: an error, an answer that does not reach past the session, or one that says that rows should
be there leaves the session MISSING.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max, Min

from backfill.gaps.kinds import Gap
from backfill.models import RepairItem
from backfill.repair.asking import NEVER, Vendors
from backfill.vendors.errors import NoData
from backfill.vendors.registry import Listed
from datasets.lake import rules
from datasets.lake.offers import Absence, Offer
from datasets.market.times import time_text
from datasets.models import LakeEntry, LakePartition

Answer = dict[str, Any]  # as an item keeps it


@dataclass(frozen=True, slots=True)
class Silence:
    """What one witness says: the sessions of an item in which nothing was traded."""

    vendor: str
    said_at: datetime
    absences: tuple[Absence, ...]

    def offer(self, item: RepairItem) -> Offer:
        """Return it as it is offered to the lake: no rows, and a word about these sessions alone."""
        start, end = min(each.start_ns for each in self.absences), max(each.end_ns for each in self.absences)
        return Offer(
            item.table,
            item.instrument,
            (),
            start,
            end,
            self.vendor,
            self.said_at,
            policy=rules.FILL,
            benign=self.absences,
            claims=False,
        )


class _Doubt(Exception):
    """Something keeps the session from being called empty."""


class _Unheard(Exception):
    """This vendor's answer says nothing about the session."""


def heard(item: RepairItem, entry: LakeEntry, vendors: Vendors) -> tuple[list[Silence], str]:
    """Return, by witness, the sessions of an item in which nothing was traded, and why the first other one is not.

    For an item that no vendor is left for.
    """
    gaps = [gap for gap in (Gap(*each) for each in item.gaps) if gap.day is not None]
    if not gaps or any(each["held"] for each in item.asked):
        return [], ""
    hearing = _Hearing(item, entry, vendors)
    told: dict[str, list[tuple[Answer, Absence]]] = {}
    doubts: list[str] = []
    for gap in gaps:
        try:
            answer, absence = hearing.of(gap)
            told.setdefault(answer["vendor"], []).append((answer, absence))
        except _Doubt as doubt:
            doubts.append(str(doubt))
    found = [
        Silence(vendor, datetime.fromisoformat(each[0][0]["answeredAt"]), tuple(absence for _, absence in each))
        for vendor, each in told.items()
    ]
    return found, doubts[0] if doubts else ""


class _Hearing:
    def __init__(self, item: RepairItem, entry: LakeEntry, vendors: Vendors):
        self.item, self.entry = item, entry
        self.able = vendors.able(item.table, item.instrument)
        self.answers: list[Answer] = [*item.asked, *vendors.earlier(item)]
        self._rows: dict[tuple[int, int], bool] = {}
        self._own: dict[str, tuple[int | None, int | None]] = {}

    def of(self, gap: Gap) -> tuple[Answer, Absence]:
        """Return the answer of the preferred witness of a session and what it says; _Doubt."""
        found: list[tuple[Answer, str]] = []
        unheard: list[str] = []
        for listed, since in self.able:
            if since >= gap.end_ns:
                continue
            answer = next(self._about(listed.name, gap), None)
            if answer is None:
                raise _Doubt(f"{listed.name} has not been asked")
            try:
                found.append((answer, self._weigh(listed, since, answer, gap)))
            except _Unheard as nothing:
                unheard.append(str(nothing))
        if not found:
            raise _Doubt("; ".join(unheard) or "no vendor can say")
        answer, words = found[0]
        assert gap.day is not None
        return answer, Absence(gap.day, gap.start_ns, gap.end_ns, f"{words}; {self.item.run.ref}"[:2000])

    def _about(self, vendor: str, gap: Gap) -> Iterator[Answer]:
        for each in self.answers:
            start, end = each.get("askedNs") or (0, 0)
            if each["vendor"] == vendor and start <= gap.start_ns and gap.end_ns <= end:
                yield each

    def _weigh(self, listed: Listed, since: int, answer: Answer, gap: Gap) -> str:
        """Return the words of a witness; _Unheard when the answer says nothing about the session, _Doubt."""
        name, code = listed.name, answer["code"]
        start, end = answer["askedNs"]
        asked = f"asked for {time_text(start)} to {time_text(end)}"
        if code == NoData.code:
            if not answer["benign"]:
                raise _Doubt(f"{name} does not say that no rows are to be expected")
            if self._stands(start, end):
                raise _Unheard(f"{name} had nothing either where rows stand in the lake")
            if not self._within(listed, since, gap):
                raise _Unheard(f"it is not within what {name} is known to have")
            return f"{name} says that nothing was traded: {answer['reason']} ({code}, {asked})"
        if code:
            raise _Doubt(f"{name} gave no answer: {code}")
        if not answer["rowsNs"]:
            raise _Doubt(f"what {name} answered earlier is not known session by session")
        first, last = answer["rowsNs"]
        if first >= gap.start_ns or last < gap.end_ns:
            raise _Doubt(f"the answer of {name} does not reach past it")
        return f"{name} has rows before and after it and none in it ({asked})"

    def _stands(self, start: int, end: int) -> bool:
        if (start, end) not in self._rows:
            rows = LakePartition.objects.filter(entry=self.entry, rows__gt=0, first_ns__lt=end, last_ns__gte=start)
            self._rows[start, end] = rows.exists()
        return self._rows[start, end]

    def _within(self, listed: Listed, since: int, gap: Gap) -> bool:
        """Tell whether a session lies in a vendor's history: after it began, and before a row that came later.

        Files end somewhere, so of an offline vendor the later row must be its own.
        """
        assert listed.vendor
        first, last = self._rows_of(listed.name)
        first = since if since > NEVER else first
        last = last if listed.vendor.offline else self.entry.last_ns
        return first is not None and last is not None and first <= gap.start_ns and gap.end_ns <= last

    def _rows_of(self, vendor: str) -> tuple[int | None, int | None]:
        if vendor not in self._own:
            rows = LakePartition.objects.filter(entry=self.entry, vendor=vendor, rows__gt=0)
            told = rows.aggregate(first=Min("first_ns"), last=Max("last_ns"))
            self._own[vendor] = told["first"], told["last"]
        return self._own[vendor]
