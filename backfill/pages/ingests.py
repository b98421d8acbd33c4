"""Ingests: what was handed in with how far it is, and one of them with what became of each instrument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse

from backfill.ingestion import again, settling
from backfill.models import IngestItem, IngestRun, ItemState
from backfill.models.ingest import OPEN
from backfill.pages.candidates import HOME, SHOWN
from tradenexus import db
from tradenexus.errors import BadRequest, Conflict
from tradenexus.jobs.models import LIVE
from tradenexus.web import copy, figures, tables
from tradenexus.web.page import Page

PRIMARY = {"label": "Ingest candidates", "url": f"{HOME}new/"}


@dataclass(slots=True)
class Row:
    """One ingest as pages show it; `counts` has the outcomes that there are."""

    run: IngestRun
    state: str
    done: int
    counts: list[tuple[str, int]]

    @property
    def percent(self) -> int:
        """How far it is, cut off: 100 only when nothing is open."""
        return 100 * self.done // self.run.total if self.run.total else 100

    @property
    def took(self) -> float | None:
        """How many seconds it took, None while it works."""
        ended = self.run.finished_at
        return (ended - self.run.created_at).total_seconds() if ended else None

    @property
    def failed(self) -> int:
        """How many items failed."""
        return dict(self.counts).get(ItemState.FAILED, 0)


def rows_of(runs: Sequence[IngestRun]) -> list[Row]:
    """Return ingests as rows; one query counts the items of all of them."""
    counted: dict[Any, dict[str, int]] = {run.id: {} for run in runs}
    found = IngestItem.objects.filter(run__in=runs).order_by().values_list("run_id", "state").annotate(Count("id"))
    for run_id, state, count in found:
        counted[run_id][state] = count
    return [_row(run, counted[run.id]) for run in runs]


def _row(run: IngestRun, counted: dict[str, int]) -> Row:
    whole = {state: counted.get(state, 0) for state in ItemState.values}
    left = sum(whole[state] for state in OPEN)
    state = settling.state_of(run, whole)
    return Row(run, state, run.total - left, [(name, count) for name, count in whole.items() if count])


class Ingests(Page):
    """All that was handed in, newest first."""

    template, fragment = "backfill/ingests.html", "backfill/_ingests.html"
    nav = "lakehouse"
    title = "Ingests"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return one page of ingests."""
        runs = IngestRun.of(self.actor.tenant_id).select_related("user")
        pager = tables.page(self.request, runs)
        rows = rows_of(pager.items)
        return {
            "pager": pager,
            "rows": rows,
            "busy": any(row.state == "working" for row in rows),
            "primary": PRIMARY if rows and self.actor.may("write") else None,
            "crumbs": [("Lakehouse", "/lakehouse/"), (self.title, "")],
            "copy": copy.commands("GET", "/v1/lake/ingests", cli="nexus ingest list"),
            "twin": "/v1/lake/ingests",
        }


class Ingest(Page):
    """One ingest: how far it is, and what became of each instrument of it."""

    template, fragment = "backfill/ingest.html", "backfill/_ingest.html"
    nav = "lakehouse"

    def context(self, ref: str = "", **kwargs: Any) -> dict[str, Any]:
        """Return the run, its outcomes, and one page of items, all or those of an outcome."""
        run = self.find(IngestRun, ref)
        row = rows_of([run])[0]
        outcome = self.query.get("outcome", "")
        items = IngestItem.objects.filter(run=run).select_related("job")
        shown = items.filter(state=outcome) if outcome in ItemState.values else items
        jobs = list(again.jobs_of(run).order_by("created_at"))
        at = f"/v1/lake/ingests/{run.ref}"
        return {
            "title": f"Ingest of {run.created_at:%Y-%m-%d %H:%M}Z",
            "heading": f"Ingest of {run.total:,} entr{'y' if run.total == 1 else 'ies'}",
            "row": row,
            "run": run,
            "state": row.state,
            "busy": row.state == "working",
            "outcome": outcome,
            "pager": (pager := tables.page(self.request, shown, ("number",))),
            "rows": [(item, _found(item)) for item in pager.items],
            "rows_total": items.aggregate(total=Sum("rows"))["total"] or 0,
            "took": ((run.finished_at or db.now()) - run.created_at).total_seconds(),
            "jobs": [job for job in jobs if job.state in LIVE][:10],
            "ended": [job for job in jobs if job.state not in LIVE][:20],
            "refused": run.refused[:SHOWN],
            "refused_more": max(0, len(run.refused) - SHOWN),
            "acts": _acts(run, row),
            "crumbs": [("Lakehouse", "/lakehouse/"), ("Ingests", HOME), (f"{run.created_at:%Y-%m-%d %H:%M}Z", "")],
            "copy": copy.commands("GET", at, cli=f"nexus ingest show {run.ref}"),
            "twin": at,
        }

    def post(self, request: HttpRequest, ref: str = "") -> HttpResponse:
        """Try again what failed, or cancel what is still to be done."""
        self.require("write")
        run = self.find(IngestRun, ref)
        act = {"retry": again.retry, "cancel": again.cancel}.get(request.POST.get("action", ""))
        if act is None:
            raise BadRequest("action is retry or cancel")
        try:
            act(self.actor, run)
        except Conflict as problem:
            return self.invalid(self.template, self.context(ref) | {"problem": problem.message})
        return self.done(f"{HOME}{run.ref}/")


class Night(Page):
    """The newest ingest as one step of the night, for Home."""

    template = fragment = "backfill/_night.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the newest ingest and how long its job thinks it will take."""
        run = IngestRun.of(self.actor.tenant_id).order_by("-created_at").first()
        job = again.jobs_of(run).filter(state="running").order_by("-created_at").first() if run else None
        left = (job.progress or {}).get("eta_s") if job else None
        return {"row": rows_of([run])[0] if run else None, "left": left and f"about {figures.span(left)} left"}


def _found(item: IngestItem) -> dict[str, Any]:
    """Return the findings of an item: {gaps, widest, bad, codes}; many gaps are told as one."""
    gaps = [one for one in item.findings if one["code"] == "GAP"]
    return {
        "gaps": len(gaps),
        "widest": max(gaps, key=lambda one: one["days"], default=None),
        "bad": any(one["status"] == "RED" for one in gaps),
        "codes": [one for one in item.findings if one["code"] != "GAP"],
    }


def _acts(run: IngestRun, row: Row) -> list[dict[str, Any]]:
    """Return what can be done now: {name, label, about, tongues}."""
    offered = []
    if row.failed:
        about = "Asks the vendors again for what failed; what is in the lake stays as it is."
        offered.append(("retry", f"Retry {row.failed:,} failed", about))
    if row.state == "working":
        about = "Stops what is still to be done; what is in the lake stays there."
        offered.append(("cancel", "Cancel", about))
    return [
        {
            "name": name,
            "label": label,
            "about": about,
            "tongues": copy.commands(
                "POST", f"/v1/lake/ingests/{run.ref}:{name}", {}, cli=f"nexus ingest {name} {run.ref}"
            ).tongues,
        }
        for name, label, about in offered
    ]
