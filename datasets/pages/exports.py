"""The pages of nightly bundles: a calendar of nights with Build now, and one bundle with all that is in it."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

from datasets.exports import bundles, places
from datasets.market import instruments, tables
from datasets.models import ExportBundle, ExportFile, ExportState, LakeEntry
from tradenexus import db
from tradenexus.errors import BadRequest, ProblemError
from tradenexus.jobs.models import Job
from tradenexus.web import copy
from tradenexus.web import tables as web_tables
from tradenexus.web.page import Page

WEEKS = 6
HELD_SHOWN = 200
HELD_BYTES = 4_000_000  # a longer list is for programs: the page leads to the file
FILES = 100
BUSY = (ExportState.QUEUED, ExportState.BUILDING)
REFUSED = (BadRequest, bundles.NothingToExport, bundles.ExportRunning, tables.TableUnknown, instruments.SymbolRefused)


class Exports(Page):
    """All nights, and the button that builds tonight's bundle."""

    template = "datasets/exports.html"
    fragment = "datasets/_exports.html"
    nav = "exports"
    title = "Exports"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the calendar, a page of bundles, and when the next one is due."""
        now = db.now()
        rows = ExportBundle.of(self.actor.tenant_id)
        first = now.date() - timedelta(days=now.date().weekday() + 7 * (WEEKS - 1))
        nights = {row.night: row for row in rows.filter(night__gte=first)}
        told = copy.commands("POST", "/v1/exports", {}, cli="nexus export build --wait")
        return {
            "weeks": _weeks(first, now.date(), nights),
            "pager": web_tables.page(self.request, rows),
            "tonight": nights.get(now.date()),
            "busy": any(row.state in BUSY for row in nights.values()),
            "next": self._next(now, now.date() in nights),
            "kept": settings.NEXUS_EXPORT_NIGHTS,
            "filled": LakeEntry.of(self.actor.tenant_id).filter(rows__gt=0).exists(),
            "build": told,
            "copy": copy.commands("GET", "/v1/exports", cli="nexus export list"),
            "twin": "/v1/exports",
        }

    @staticmethod
    def _next(now: datetime, done: bool) -> datetime | None:
        """Return when the next night's bundle is asked for by itself; None when that is switched off."""
        hour = settings.NEXUS_EXPORT_HOUR
        if hour < 0:
            return None
        due = now.replace(hour=hour, minute=0, second=0, microsecond=0)
        return due + timedelta(days=1) if done else max(due, now)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Build tonight's bundle and lead to it."""
        self.require("write")
        asked = {"includeAmber": bool(request.POST.get("amber"))}
        try:
            with db.atomic():
                row, _ = bundles.request(self.actor, asked)
        except REFUSED as problem:
            return self.refused(problem)
        return self.done(f"/exports/{row.night}/")

    def refused(self, problem: ProblemError) -> HttpResponse:
        """Return the page again with what is wrong."""
        return self.invalid(self.template, self.context() | {"problem": problem.message})


class Export(Page):
    """One bundle: tables, sessions held back and why, files with their checksums, and how to pull it."""

    template = "datasets/export.html"
    fragment = "datasets/_export.html"
    nav = "exports"

    def context(self, ref: str = "", **kwargs: Any) -> dict[str, Any]:
        """Return the bundle and one page of its files."""
        row = bundles.find(self.actor, ref)
        held, cut = _held(row)
        at = f"/v1/exports/{row.ref}"
        pull = f"nexus export pull {row.night} --to bundles"
        return {
            "title": f"Export of {row.night}",
            "export": row,
            "state": row.state,
            "job": Job.of(self.actor.tenant_id).filter(subject=row.ref).order_by("-created_at").first(),
            "busy": row.state in BUSY,
            "tables": row.summary.items(),
            "held": held,
            "held_cut": cut,
            "pager": web_tables.page(self.request, ExportFile.objects.filter(bundle=row), ("path",), FILES),
            "at": at,
            "pull": [
                ("Command line", f"{pull}\nnexus export verify bundles/{row.night}"),
                ("curl", copy.download(f"{at}/archive", {}, f"{row.night}.tar.zst", "").curl),
                ("On the server's disk", f"rsync -aL NEXUS_HOME/exports/{row.tenant_id.hex}/nightly/{row.night}/ to/"),
            ],
            "crumbs": [("Exports", "/exports/"), (f"{row.night}", "")],
            "copy": copy.commands("GET", at, cli=pull),
            "twin": at,
        }


def _weeks(first: date, today: date, nights: dict[date, ExportBundle]) -> list[list[dict[str, Any]]]:
    days = [first + timedelta(days=number) for number in range(7 * WEEKS)]
    cells = [{"date": day, "bundle": nights.get(day), "ahead": day > today, "today": day == today} for day in days]
    return [cells[start : start + 7] for start in range(0, len(cells), 7)]


def _held(row: ExportBundle) -> tuple[list[dict[str, Any]], bool]:
    """Return the first sessions that a bundle holds back, and whether there are more."""
    if not row.folder or not row.held_back:
        return [], False
    place: Path = places.bundle(row.tenant_id, row.folder) / "held_back.json"
    try:
        if place.stat().st_size > HELD_BYTES:
            return [], True
        told = json.loads(place.read_bytes())["partitions"]
    except FileNotFoundError:  # it expires at this moment
        return [], False
    return told[:HELD_SHOWN], len(told) > HELD_SHOWN


urlpatterns = [
    path("exports/", Exports.as_view(), name="exports"),
    path("exports/<str:ref>/", Export.as_view()),
]
