"""A vendor that is asked in the worker and answers as a test says: by instrument, with pages or with an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from backfill.vendors.base import Capability, Facts, Page, Request

NAME = "answering"
NEEDS: tuple[str, ...] = ()
READS: tuple[str, ...] = ()

# instrument -> pages, or an error, or a list of these, one a call; what was asked, in order
ANSWERS: dict[str, Any] = {}
CALLS: list[Request] = []


def connect(settings: Mapping[str, Any]) -> Answering:
    """Return the vendor."""
    return Answering()


def page(first_day: int, closes: Sequence[float], **more: Any) -> Page:
    """Return a page of daily bars from a day on."""
    day = 86_400_000_000_000
    stamps = [(first_day + number) * day for number in range(len(closes))]
    columns = {"ts_event": stamps, **{name: list(closes) for name in ("open", "high", "low", "close")}, **more}
    return Page(columns, stamps[0], stamps[-1] + day, datetime.now(UTC))


class Answering:
    """Says what ANSWERS hold; an instrument that is not there is none of its own."""

    offline = False
    capabilities: Sequence[Capability] = (Capability("crypto_bars_1d", "1d", ("spot",), ("X",)),)

    def describe(self, instrument: str) -> Facts:
        """Return what every instrument here is."""
        return {"type": "spot", "calendar": "24/7"} if instrument.startswith("X:") else {}

    def carried(self, requests: Sequence[Request]) -> dict[str, Any]:
        """Return nothing: it is not asked in a child."""
        return {}

    def fetch(self, request: Request) -> Iterator[Page]:
        """Yield the pages, or raise the error, that stands for the instrument."""
        CALLS.append(request)
        answer = ANSWERS[request.instrument]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        yield from (replace(each, fetched_at=datetime.now(UTC)) for each in answer)
