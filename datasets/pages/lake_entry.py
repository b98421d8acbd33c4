"""One entry of the lake: why it is golden, its chart, its sessions as a calendar; its revisions and its files."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse

from datasets import charts, reads
from datasets.lake import absences, adjusting, ledger, rules, scan, state, suspects
from datasets.market import dates
from datasets.market import tables as lake_tables
from datasets.models import LakeEntry, LakePartition, LakeRevision
from datasets.pages import lake_commands, pictures
from datasets.pages.lake_frame import EntryPage, with_sources
from datasets.pages.lake_list import FINE, bar
from datasets.storage import blobs
from tradenexus.errors import BadRequest
from tradenexus.web import figures, tables

CHART_BARS = 1_500
CALENDAR_DAYS = 3_660
COMMITS = 6
WORDS = {
    "available": "green",
    "degraded": "amber, kept",
    "missing": "no rows came",
    "quarantined": "red, kept out",
    "benign": "no session, or nothing was traded",
}
PAGE_ROWS = 20
SEGMENTS = 400


class Drawing(EntryPage):
    """What the chart is asked for, in its own query: a stretch, how prices are adjusted, the time that is looked at."""

    as_traded = False

    def drawn(self, most: int = CHART_BARS) -> dict[str, Any]:
        """Return the bars asked for; BadRequest for what is no time or no adjustment."""
        start, end = self.moment_ns("start"), self.moment_ns("end")
        return charts.of_entry(self.entry, self.adjustment, start, end, most, self.as_of)

    @property
    def adjustment(self) -> str:
        """How prices are adjusted; raw where nothing is said, and where it may not be done."""
        return adjusting.RAW if self.as_traded else self.query.get("adjustment") or adjusting.RAW

    def chart_query(self) -> dict[str, str]:
        """Return what of the query the chart's own requests repeat."""
        names = ("as_of",) if self.as_traded else ("adjustment", "as_of")
        return {name: self.query.get(name, "") for name in names if self.query.get(name)}


class Overview(Drawing):
    """Why it is golden, the chart, the sessions, how to get it."""

    tab = "overview"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the parts of the page; no chart for a table that has nothing to draw."""
        entry = self.entry
        newest = LakeRevision.objects.filter(entry=entry).select_related("commit").order_by("-number")
        ledger_rows = LakePartition.objects.filter(entry=entry)
        counted = ledger_rows.exclude(code="OK").order_by().values_list("code").annotate(Count("id"))
        return {
            "formula": ledger.SCORE_FORMULA,
            "parts": bar(entry.green, entry.amber, entry.red, FINE),
            "codes": [
                {"code": code, "count": count, "status": rules.STATUS[code], "about": rules.ABOUT[code]}
                for code, count in sorted(counted, key=lambda one: -one[1])
            ],
            "commits": with_sources(self.actor.tenant_id, newest[:COMMITS]),
            "calendar": calendar(entry),
            "snippets": lake_commands.rows(entry, self.adjustment, self.query.get("as_of", "")),
            **self._read(),
        }

    def _read(self) -> dict[str, Any]:
        """Return what is read of the rows; where they cannot be read, why: what else is known is still shown."""
        try:
            return {"suspects": suspects.listed(self.entry), **self._chart()}
        except (scan.SegmentDamaged, blobs.BlobMissing) as fault:
            return {"drawn": None, "damaged": {"code": fault.code, "words": fault.message.rstrip(".")}}

    def _chart(self) -> dict[str, Any]:
        entry = self.entry
        table = lake_tables.find(entry.table)
        if not charts.drawable(table):
            return {"drawn": None}
        held = None
        try:
            drawn = self.drawn()
        except suspects.SplitUnwitnessed as fault:
            # the page with what settles it is worth more than a refusal: drawn as traded, and said so
            held, self.as_traded = fault.message, True
            drawn = self.drawn()
        asked = self.chart_query()
        given = {name: drawn[name] for name in ("start", "end") if self.query.get(name)}
        adjustable = table.family != lake_tables.EVENTS and _has_actions(entry)
        return {
            "held": held,
            "drawn": drawn,
            "summary": pictures.sentence(drawn),
            "chart_url": f"{self.base}chart.json?{urlencode(asked | given | {'limit': CHART_BARS})}",
            "whole_url": f"{self.base}chart.json?{urlencode({'of': 'entry'} | asked)}",
            "bars_kind": table.family == lake_tables.BARS,
            "table_rows": drawn["bars"][-500:],
            "adjustments": [(kind, kind == self.adjustment) for kind in adjusting.KINDS] if adjustable else [],
            "adjustment": self.adjustment,
        }


def _has_actions(entry: LakeEntry) -> bool:
    found = LakeEntry.of(entry.tenant_id).filter(table=state.ACTIONS, instrument=entry.instrument, rows__gt=0)
    return found.exists()


class Bars(Drawing):
    """The chart's bars as JSON, for the picture."""

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Answer the bars of the stretch asked for."""
        self.locate(**kwargs)
        if not charts.drawable(lake_tables.find(self.entry.table)):
            raise BadRequest(f"{self.entry.table} has nothing to draw")
        raw = self.query.get("limit") or str(CHART_BARS)
        if not (raw.isascii() and raw.isdigit() and len(raw) < 6):
            raise BadRequest("limit must be a whole number", {"fields": {"limit": [raw[:16]]}})
        return JsonResponse(self.drawn(int(raw)))


def calendar(entry: LakeEntry) -> dict[str, Any] | None:
    """Return the newest sessions as a calendar: {first, cells: [state, rows, code] a day, words, cut, months}."""
    held = ledger.in_force(LakePartition.objects.filter(entry=entry)).order_by("-session")
    told = {row[0]: row[1:] for row in held.values_list("session", "verdict", "code", "rows")[:CALENDAR_DAYS]}
    if not told:
        return None
    last = max(told)
    first = max(min(told), last - timedelta(days=CALENDAR_DAYS - 1))
    cells = []
    for at in range((last - first).days + 1):
        verdict, code, rows = told.get(first + timedelta(days=at), ("", "", 0))
        cells.append([_state(verdict, code), rows, "" if code == "OK" else code])
    return {
        "first": first.isoformat(),
        "last": last.isoformat(),
        "cells": cells,
        "words": WORDS,
        "cut": entry.sessions > len(told),
        "months": _months(told),
    }


def _state(verdict: str, code: str) -> str:
    if verdict == "RED":
        return "missing" if code == "MISSING" else "quarantined"
    if code == absences.NO_DATA:
        return "benign"
    return {"GREEN": "available", "AMBER": "degraded"}.get(verdict, "benign")


def _months(told: dict[Any, tuple[str, str, int]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = defaultdict(lambda: {"GREEN": 0, "AMBER": 0, "RED": [], "rows": 0})
    for day in sorted(told):
        verdict, _, rows = told[day]
        month = found[f"{day:%Y-%m}"]
        month["rows"] += rows
        if verdict == "RED":
            month["RED"].append(f"{day:%d}")
        else:
            month[verdict] += 1
    return [
        {
            "month": month,
            "green": one["GREEN"],
            "amber": one["AMBER"],
            "rows": one["rows"],
            "red": ", ".join(one["RED"][:10]) + (f" and {len(one['RED']) - 10} more" if len(one["RED"]) > 10 else ""),
        }
        for month, one in reversed(found.items())
    ]


class Revisions(EntryPage):
    """What happened to an entry: each revision with the first values it replaced, and the entry as it was then."""

    tab = "revisions"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return one page of revisions, the newest first."""
        rows = LakeRevision.objects.filter(entry=self.entry).select_related("commit__created_by")
        pager = tables.page(self.request, rows, ("-number",), PAGE_ROWS)
        listed = with_sources(self.actor.tenant_id, pager.items)
        for one in listed:
            one["samples"] = [_sample(told) for told in one["revision"].changes.get("samples", [])]
            one["as_of"] = f"{self.base}?{urlencode({'as_of': figures.iso(one['revision'].created_at)})}"
            number = one["revision"].number
            one["diff"] = (
                f"{self.base}diff/{number - 1}...{number}/" if number > max(1, self.entry.oldest_revision) else ""
            )
        path = lake_commands.api_path(self.entry) + "/revisions"
        return {"pager": pager, "revisions": listed, "before": self.entry.revision - 1, "twin": path}


def _sample(told: dict[str, Any]) -> dict[str, Any]:
    """Return one replaced value: ticks are replaced by the session, rows of other tables value by value."""
    when = str(dates.to_date(told["day"])) if "day" in told else figures.moment_ns(told["ts"])
    column = "whole session" if told["column"] == "*" else told["column"]
    return {"when": when, "column": column, "old": _exact(told["old"]), "new": _exact(told["new"])}


def _exact(value: Any) -> Any:
    return reads.decimal_text(value) if isinstance(value, float) else value


class Files(EntryPage):
    """The segments in force."""

    tab = "files"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the segments that the entry consists of, of now or of the time that is looked at."""
        part = scan.locate(self.entry, as_of=self.as_of)
        newest = part.segments[::-1]
        return {
            "segments": newest[:SEGMENTS],
            "segment_count": len(newest),
            "total_bytes": sum(one.size_bytes for one in newest),
            "span": lake_tables.find(self.entry.table).span,
            "snippets": lake_commands.rows(self.entry, as_of=self.query.get("as_of", "")),
        }
