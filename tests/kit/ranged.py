"""A vendor that is asked in the worker and has what a test gives it: closes by time, and only those of the range."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from backfill.vendors.base import Capability, Facts, Page, Request
from backfill.vendors.errors import NoData
from datasets.market import intervals, tables

NAME = "ranged"
NEEDS: tuple[str, ...] = ()
READS: tuple[str, ...] = ()

# vendor -> {time: close}, or an error, or a list of these, one a call, or what gives one; what was asked, in order
HELD: dict[str, Any] = {}
CALLS: list[tuple[str, Request]] = []
SINCE: dict[str, int] = {}


def connect(settings: Mapping[str, Any]) -> Ranged:
    """Return the vendor."""
    return Ranged(NAME)


class Ranged:
    """Has bars of every instrument of the venue X, the same for all."""

    offline = False

    def __init__(self, name: str):
        self.name = name

    @property
    def capabilities(self) -> Sequence[Capability]:
        """Days and hours."""
        since = SINCE.get(self.name)
        return [Capability(f"crypto_bars_{each}", each, (), ("X",), None, since) for each in ("1d", "1h")]

    def describe(self, instrument: str) -> Facts:
        """Return what every instrument here is."""
        return {"type": "spot", "calendar": "24/7"}

    def carried(self, requests: Sequence[Request]) -> dict[str, Any]:
        """Return nothing: it is not asked in a child."""
        return {}

    def fetch(self, request: Request) -> Iterator[Page]:
        """Yield a page of what there is in the range, or raise."""
        CALLS.append((self.name, request))
        answer = HELD.get(self.name, {})
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer = answer()
        if isinstance(answer, Exception):
            raise answer
        start = request.start_ns or 0
        stamps = sorted(each for each in answer if start <= each < request.end_ns)
        if not stamps:
            raise NoData("nothing in this range", benign=True)
        closes = [float(answer[each]) for each in stamps]
        columns = {"ts_event": stamps, **dict.fromkeys(("open", "high", "low", "close"), closes)}
        columns["volume"] = [10.0] * len(stamps)
        end = stamps[-1] + (intervals.parse(tables.find(request.table).interval).duration_ns or 1)
        yield Page(columns, stamps[0], min(end, request.end_ns), datetime.now(UTC))
