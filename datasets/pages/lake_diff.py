"""Two revisions of an entry side by side: counts, sessions, values old and new, and both drawn where they part."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_datetime

from datasets import charts, reads
from datasets.lake import diff, fulldiff, stretches
from datasets.market import dates
from datasets.market import tables as lake_tables
from datasets.market.intervals import DAY
from datasets.models import LakeEntry, LakePartition, LakeRevision
from datasets.pages import lake_commands, lake_distributions
from datasets.pages.lake_frame import EntryPage, with_sources
from tradenexus.errors import BadRequest
from tradenexus.web import tables

SESSIONS = 50
BARS = 400
WIDE, HIGH = 600, 120
LINES = 400  # of the table of values
SIGNS = {"+": "added", "-": "removed", "~": "changed"}


class Choose(EntryPage):
    """Leads from two revisions that were chosen to their diff."""

    tab = "revisions"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Redirect to the diff of `a` and `b`, by default the newest two."""
        self.locate(**kwargs)
        newest = self.entry.revision
        chosen = [
            self.query.get(name, "") or str(number) for name, number in (("a", max(1, newest - 1)), ("b", newest))
        ]
        pair = [revision.number for revision in diff.pair_of(self.entry, "...".join(chosen))]
        return self.done(url_of(self.base, *pair))


class Diff(EntryPage):
    """What turns revision `a` into `b`."""

    tab = "diff"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Answer the page, or its panel to htmx."""
        span = kwargs.pop("span")
        self.locate(**kwargs)
        return self.render(self.framed(self.context(span=span)))

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Start the job that compares all of it, or join it; answer the panel to htmx."""
        self.require("write")
        span = kwargs.pop("span")
        self.locate(**kwargs)
        a, b = diff.pair_of(self.entry, span)
        fulldiff.start(self.actor, self.entry, a, b)
        if self.partial:
            return self.render(self.framed(self.context(span=span)))
        return self.done(url_of(self.base, a.number, b.number))

    def context(self, span: str = "", **kwargs: Any) -> dict[str, Any]:
        """Return the parts of the page."""
        entry = self.entry
        a, b = diff.pair_of(entry, span)
        number = f"{a.number}...{b.number}"
        known = fulldiff.look(entry, a, b)
        commands = lake_commands.diff(entry, number, known.startable)
        return {
            "tab": "revisions",
            "title": f"{entry.instrument} in {entry.table}, {number}",
            "sides": with_sources(self.actor.tenant_id, (a, b)),
            "swap": url_of(self.base, b.number, a.number),
            "identical": a.digest == b.digest,
            "delta": f"{b.rows - a.rows:+,}",
            "copy": commands,
            "tongues": commands.tongues[:2],
            "twin": f"{lake_commands.api_path(entry)}/diff/{number}",
            **self._found(a, b, known),
        }

    def _found(self, a: LakeRevision, b: LakeRevision, known: fulldiff.Look) -> dict[str, Any]:
        day, found = self._day(), known.found
        sessions = found["sessions"]
        quality, judged = diff.quality_of(self.entry, found)
        return {
            "found": found,
            "counts": [(sign, word, found["counts"][word]) for sign, word in SIGNS.items()],
            "parts": [(sign, word, sum(each["change"] == sign for each in sessions)) for sign, word in SIGNS.items()],
            "schema": diff.schema_of(self.entry, found),
            "quality": quality,
            "pager": tables.page(self.request, _source(sessions, judged), ("day",), SESSIONS),
            "columns": [_column(each) for each in found["columns"]],
            "distributions": lake_distributions.drawn(diff.distributions_of(self.entry, found)),
            **progress_of(known, url_of(self.base, a.number, b.number)),
            "lines": _lines(found["rows"], day)[:LINES],
            "day": None if day is None else dates.to_date(day),
            "shown_rows": stretches.SHOWN,
            "overlay": overlay(self.entry, a, b, found, day),
        }

    def _day(self) -> int | None:
        raw = self.query.get("day", "")
        try:
            return dates.to_day(date.fromisoformat(raw)) if raw else None
        except ValueError as error:
            raise BadRequest("day must be a date such as 2024-11-29", {"fields": {"day": [raw[:32]]}}) from error


class Progress(EntryPage):
    """How far the job is that compares two revisions; once there is none, what loads the panel anew."""

    template = fragment = "datasets/_lake_diff_job.html"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Answer the fragment."""
        span = kwargs.pop("span")
        self.locate(**kwargs)
        a, b = diff.pair_of(self.entry, span)
        known = fulldiff.look(self.entry, a, b)
        return self.render(progress_of(known, url_of(self.base, a.number, b.number)))


def progress_of(known: fulldiff.Look, url: str) -> dict[str, Any]:
    """Return the job that compares (`job`, None without one), what it found so far, and where this is."""
    return {"job": known.job, "startable": known.startable, "so_far": known.found, "url": url}


def url_of(base: str, a: int, b: int) -> str:
    """Return the address of a diff; `base` is that of the entry."""
    return f"{base}diff/{a}...{b}/"


def _source(sessions: list[dict[str, Any]], judged: dict[int, LakePartition]) -> Any:
    def following(last: Sequence[Any] | None, most: int) -> list[SimpleNamespace]:
        after = None if last is None else int(last[0])
        rows = [each for each in sessions if after is None or each["day"] > after][:most]
        return [SimpleNamespace(**each, date=dates.to_date(each["day"]), row=judged.get(each["day"])) for each in rows]

    return following


def _column(each: dict[str, Any]) -> dict[str, Any]:
    rate = each["maxRel"]
    return each | {
        "farthest": None if each["maxAbs"] is None else _text(each["maxAbs"]),
        "rate": None if rate is None else f"{100 * rate:.4g} %",
    }


def _lines(rows: list[dict[str, Any]], day: int | None) -> list[dict[str, Any]]:
    """Return a line a value that differs, one for a row that is on one side only."""
    lines = []
    for row in rows:
        if day is not None and row["day"] != day:
            continue
        told = {"change": row["change"], "ns": row["ns"], "key": ", ".join(map(str, row["key"].values()))}
        if row["change"] == "~":
            lines += [
                {**told, "column": name, "old": _text(row["old"][name]), "new": _text(row["new"][name])}
                for name in row["columns"]
            ]
        else:
            lines.append({**told, "column": "whole row", "old": _whole(row["old"]), "new": _whole(row["new"])})
    return lines


def _whole(values: dict[str, Any] | None) -> str:
    return ", ".join(f"{name} {_text(value)}" for name, value in (values or {}).items() if value is not None)


def _text(value: Any) -> Any:
    return reads.decimal_text(value) if isinstance(value, float) else value


def overlay(
    entry: LakeEntry, a: LakeRevision, b: LakeRevision, found: dict[str, Any], day: int | None
) -> dict[str, Any] | None:
    """Return both revisions' closes over the sessions that differ as two lines; None where nothing can be drawn."""
    days = [day] if day is not None else [each["day"] for each in found["sessions"]]
    if not days or not charts.drawable(lake_tables.find(entry.table)):
        return None
    # enough around one session that daily bars make a line
    least = 10 if lake_tables.find(entry.table).interval == "1d" else 1
    around = max(least, (days[-1] - days[0]) // 20)
    start, end = (days[0] - around) * DAY, (days[-1] + 1 + around) * DAY
    drawn = [charts.of_entry(entry, start=start, end=end, most=BARS, as_of=each.created_at)["bars"] for each in (a, b)]
    points = [[(_seconds(bar["time"]), float(bar["close"])) for bar in bars if bar["close"]] for bars in drawn]
    every = [point for line in points for point in line]
    if not every:
        return None
    low, high = min(close for _, close in every), max(close for _, close in every)
    first, last = min(at for at, _ in every), max(at for at, _ in every)
    lines = [
        " ".join(f"{WIDE * (at - first) / ((last - first) or 1):.1f},{HIGH * (high - close) / ((high - low) or 1):.1f}"
                 for at, close in line)
        for line in points
    ]  # fmt: skip
    told = {"low": _text(low), "high": _text(high), "from": min(bars[0]["time"] for bars in drawn if bars)}
    return told | {"a": lines[0], "b": lines[1], "until": max(bars[-1]["time"] for bars in drawn if bars)}


def _seconds(text: str) -> float:
    moment = parse_datetime(text)
    assert moment is not None
    return moment.timestamp()
