"""The job list with timeline, filters and bulk actions; and the part of it that stands on the home page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import Count
from django.http import HttpRequest, HttpResponse

from tradenexus import db
from tradenexus.errors import BadRequest, ProblemError
from tradenexus.jobs import finding, queue, registry, subjects
from tradenexus.jobs.models import LIVE, RETRYABLE, Job, State
from tradenexus.jobs.pages import rows, timeline
from tradenexus.jobs.pages.timeline import Timeline
from tradenexus.web import copy, tables
from tradenexus.web.page import Page

DRAWN = 2_000
AT_ONCE = 200
SINCE = (("1h", "last hour"), ("24h", "last 24 hours"), ("7d", "last 7 days"), ("30d", "last 30 days"))


class JobListPage(Page):
    """All jobs of the workspace, newest first."""

    template = "jobs/list.html"
    fragment = "jobs/_list.html"
    nav = "jobs"
    title = "Jobs"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return rows, filters with counts, and the timeline."""
        asked = {name: self.query.get(name, "") for name in finding.FILTERS}
        found = finding.matching(self.actor.tenant_id, asked).defer(*finding.HEAVY)
        page = tables.page(self.request, found)
        counts = dict(Job.of(self.actor.tenant_id).order_by().values_list("state").annotate(Count("id")))
        return {
            "rows": rows.of(self.actor.tenant_id, page.items),
            "pager": page,
            "asked": asked,
            "filtered": any(asked.values()),
            "narrowing": sum(bool(value) for name, value in asked.items() if name != "state"),
            "total": sum(counts.values()),
            "states": [(state, counts.get(state, 0)) for state in State.values],
            "kinds": registry.labelled(),
            "spans": SINCE,
            "about": self._about(asked),
            "timeline": drawn(self.actor.tenant_id, asked),
            "matching": self._matching(asked),
            "told": {name: self.query.get(name, "") for name in ("retried", "cancelled", "refused")},
            "silent": counts.get(State.QUEUED, 0) and rows.workers_silent(db.now()),
            "twin": f"/v1/jobs?{_plain(asked)}".rstrip("?"),
            "copy": copy.commands("GET", "/v1/jobs", query=asked, cli=_command(asked)),
            "crumbs": [("Home", "/"), ("Jobs", None)],
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        """Retry or cancel all jobs that match the filters, at most 200 at once."""
        self.require("write")
        asked = {name: self.query.get(name, "") for name in finding.FILTERS}
        wanted = _BULK.get(request.POST.get("action", ""))
        if wanted is None:
            raise BadRequest("action is retry or cancel")
        name, states, act = wanted
        found = finding.matching(self.actor.tenant_id, asked).filter(state__in=states)
        done = refused = 0
        for job in found.order_by("-created_at", "-id")[:AT_ONCE]:
            try:
                act(self.actor, job)
                done += 1
            except ProblemError:
                refused += 1
        return self.done(f"/jobs/{tables.changed(self.query, **{name: done, 'refused': refused or None})}")

    def _matching(self, asked: dict[str, str]) -> dict[str, int]:
        """Count what a bulk action would touch, up to the most it does at once."""
        found = finding.matching(self.actor.tenant_id, asked)
        return {
            "retry": len(found.filter(state__in=RETRYABLE).order_by().values_list("id")[: AT_ONCE + 1]),
            "cancel": len(found.filter(state__in=LIVE).order_by().values_list("id")[: AT_ONCE + 1]),
            "most": AT_ONCE,
        }

    def _about(self, asked: dict[str, str]) -> subjects.Subject | None:
        ref = asked["dataset"] or asked["subject"]
        return subjects.described(self.actor.tenant_id, [ref]).get(ref) if ref else None


_BULK: dict[str, tuple[str, tuple[State, ...], Callable[..., Job]]] = {
    "retry": ("retried", RETRYABLE, queue.retry),
    "cancel": ("cancelled", LIVE, queue.cancel),
}


class HomePart(Page):
    """Jobs on the home page: what runs, what waits, the last 24 hours."""

    template = fragment = "jobs/_home.html"
    nav = "home"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the timeline, the queue's depth and the running jobs."""
        mine = Job.of(self.actor.tenant_id)
        running = mine.filter(state=State.RUNNING).order_by("-created_at", "-id").defer(*finding.HEAVY)[:5]
        return {
            "timeline": drawn(self.actor.tenant_id, {}),
            "queued": mine.filter(state=State.QUEUED).count(),
            "rows": rows.of(self.actor.tenant_id, running),
            "silent": rows.workers_silent(db.now()),
        }


def drawn(tenant_id: Any, asked: dict[str, str]) -> Timeline:
    """Draw the jobs that match since the time asked for (24 hours unless told), the newest 2,000."""
    now = db.now()
    start = finding.since(asked["since"]) if asked.get("since") else now - timedelta(hours=24)
    found = finding.matching(tenant_id, {**asked, "since": ""}).filter(created_at__gte=start)
    cells = list(found.order_by("-created_at", "-id").values_list(*timeline.COLUMNS)[:DRAWN])
    return timeline.draw(cells, min(start, now - timedelta(minutes=1)), now, len(cells) == DRAWN)


def _plain(asked: dict[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in asked.items() if value)


def _command(asked: dict[str, str]) -> str:
    flags = [f"--{name} {asked[name]}" for name in ("state", "kind") if asked.get(name)]
    return " ".join(["nexus job list", *flags])
