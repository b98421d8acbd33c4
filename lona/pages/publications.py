"""Publishes: the list, one publication, and what of a version is published with the form to publish more."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from datasets.models import DatasetVersion, VersionFile
from lona import resolve
from lona.adapter.slices import Slice
from lona.models import ACTIVE, Publication, PublicationState
from lona.pages.provider import ProviderPage
from lona.publish import requests
from tradenexus import db, ids
from tradenexus.errors import BadRequest, ProblemError
from tradenexus.jobs import subjects
from tradenexus.jobs.models import Job
from tradenexus.jobs.pages import rows as jobs
from tradenexus.web import copy, tables

CRUMBS = [("Home", "/"), ("Publishes", "/publishes/")]


class PublicationListPage(ProviderPage):
    """Slices of versions on their way to, or at, the provider."""

    template = "lona/publishes.html"
    fragment = "lona/_publishes.html"
    nav = "publishes"
    title = "Publishes"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the publications that match, newest first."""
        state, dataset = self.query.get("state", ""), self.query.get("dataset", "")
        mine = Publication.of(self.actor.tenant_id).select_related("version__dataset")
        if state and state not in PublicationState.values:
            raise BadRequest(f"state knows {', '.join(PublicationState.values)}")
        found = mine.filter(state=state) if state else mine
        if dataset:
            found = found.filter(version_id__in=_versions(self.actor.tenant_id, dataset))
        return {
            "pager": tables.page(self.request, found),
            "asked": {"state": state, "dataset": dataset},
            "states": PublicationState.values,
            "any": mine.exists(),
            "twin": "/v1/publications",
            "copy": copy.commands("GET", "/v1/publications", query={"state": state}, cli="nexus publication list"),
            "crumbs": [CRUMBS[0], ("Publishes", None)],
            "primary": {"label": "Mapping", "url": "/publishes/mapping/"},
        }


class PublicationPage(ProviderPage):
    """One publication."""

    template = "lona/publication.html"
    fragment = "lona/_publication.html"
    nav = "publishes"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the publication with its job."""
        row = self.find(Publication, kwargs["ref"])
        job = Job.of(self.actor.tenant_id).filter(id=row.job_id).first() if row.job_id else None
        return {
            "row": row,
            "version": row.version,
            "job": jobs.of(self.actor.tenant_id, [job])[0] if job else None,
            "live": row.state in ACTIVE and row.state != PublicationState.PUBLISHED,
            "seconds": (row.published_at - row.created_at).total_seconds() if row.published_at else None,
            "again": row.state in (PublicationState.FAILED, PublicationState.RETIRED),
            "title": row.symbol_name or row.instrument,
            "crumbs": [*CRUMBS, (row.instrument, None)],
            "twin": f"/v1/publications/{row.ref}",
            "copy": copy.commands("GET", f"/v1/publications/{row.ref}", cli=f"nexus publication show {row.ref}"),
        }

    def post(self, request: HttpRequest, ref: str) -> HttpResponse:
        """Publish the same slice again after it failed or was retired."""
        self.require("publish")
        row = self.find(Publication, ref)
        part = Slice(row.instrument, row.venue, row.frequency, row.start_ns, row.end_ns)
        with db.atomic():
            version = resolve.publishable(row.version.dataset, row.version.number)
            wanted = requests.request(self.actor, version, [part], row.mode)
        return self.done(f"/publishes/{wanted.publications[0].ref}/")


class PublishForm(forms.Form):
    """What to publish: all of the version, or some days and symbols of it."""

    mode = forms.ChoiceField(choices=[("explicit", "explicit"), ("just_in_time", "just_in_time")])
    first = forms.DateField(required=False)
    last = forms.DateField(required=False)
    symbols = forms.CharField(required=False, max_length=20_000)

    def clean(self) -> dict[str, Any]:
        """Refuse days in the wrong order, and years that no time in ns can say."""
        asked = super().clean() or {}
        first, last = asked.get("first"), asked.get("last")
        if first and last and first > last:
            self.add_error("last", "must not be before the first day")
        for name in ("first", "last"):
            if asked.get(name) and not 1970 <= asked[name].year <= 2261:
                self.add_error(name, "lies outside 1970 to 2261")
        return asked

    def slice(self) -> tuple[int | None, int | None, list[str] | None]:
        """Return (start_ns, end_ns, symbols), half-open; None is all."""
        first: date | None = self.cleaned_data["first"]
        last: date | None = self.cleaned_data["last"]
        symbols = [part for part in self.cleaned_data["symbols"].replace(",", " ").split() if part]
        start = resolve.midnight_ns(first) if first else None
        end = resolve.midnight_ns(last + timedelta(days=1)) if last else None
        return start, end, symbols or None


class VersionPart(ProviderPage):
    """What of one version is published, and the form to publish it; stands in the dataset page's tab."""

    template = "lona/version.html"
    fragment = "lona/_version.html"
    nav = "datasets"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the version's publications and what a publish of it would do."""
        version = self.find(DatasetVersion, kwargs["ref"])
        return self._shown(version, PublishForm(initial={"mode": "explicit"}))

    def post(self, request: HttpRequest, ref: str) -> HttpResponse:
        """Publish the slice that was asked for; identical ones are joined."""
        self.require("publish")
        version = self.find(DatasetVersion, ref)
        form = PublishForm(request.POST)
        if form.is_valid():
            try:
                self._publish(version, form)
            except ProblemError as refused:
                form.add_error(None, refused.message)
        if not form.is_valid():
            return self.invalid("lona/_version.html", self._shown(version, form))
        if self.partial:
            version.refresh_from_db()
            return self.render(self._shown(version, PublishForm(initial={"mode": "explicit"})))
        return self.done(f"/datasets/{version.dataset.ref}/v/{version.number}/publish/")

    def _publish(self, version: DatasetVersion, form: PublishForm) -> None:
        start, end, symbols = form.slice()
        with db.atomic():
            wanted = resolve.publishable(version.dataset, version.number)
            slices = resolve.slices(wanted, start, end, symbols)
            requests.request(self.actor, wanted, slices, form.cleaned_data["mode"])

    def _shown(self, version: DatasetVersion, form: PublishForm) -> dict[str, Any]:
        found = Publication.of(self.actor.tenant_id).filter(version=version).order_by("-created_at", "-id")
        rows = list(found[:200])
        path = f"/v1/datasets/{version.dataset.ref}/publish/lona"
        command = f"nexus publish {version.dataset.ref}@{version.number} --wait"
        return {
            "version": version,
            "rows": rows,
            "live": any(row.state in ACTIVE and row.state != PublicationState.PUBLISHED for row in rows),
            "form": form,
            "plan": _plan(version, rows),
            "copy": copy.commands("POST", path, {"version": version.number}, command),
            "title": f"Publish {version.dataset.name}@{version.number}",
        }


def _plan(version: DatasetVersion, rows: list[Publication]) -> dict[str, Any]:
    """Say what publishing the whole version would do, or why it cannot be published."""
    try:
        resolve.publishable(version.dataset, version.number)
        slices = resolve.slices(version)
    except ProblemError as refused:
        return {"refused": refused.message}
    there = {
        (row.instrument, row.venue, row.start_ns, row.end_ns)
        for row in rows
        if row.state in (PublicationState.PUBLISHED, *ACTIVE)
    }
    known = sum((part.instrument, part.venue, part.start_ns, part.end_ns) in there for part in slices)
    files = VersionFile.objects.filter(version=version).values_list("rows", flat=True)
    return {
        "slices": len(slices),
        "rows": sum(files),
        "reused": known,
        "first": resolve.instant(min(part.start_ns for part in slices))[:10],
        "last": resolve.instant(max(part.end_ns for part in slices) - 1)[:10],
        "symbols": sorted({part.instrument for part in slices})[:50],
    }


def _versions(tenant_id: Any, ref: str) -> list[Any]:
    found = []
    for one in subjects.members(tenant_id, ref):
        try:
            found.append(ids.decode(DatasetVersion.prefix, one))
        except ValueError:
            continue
    return found
