"""The pages of gap repair: ask for a plan or a repair, all that were asked for, and one with each of its ranges."""

from __future__ import annotations

import shlex
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from backfill.gaps.kinds import KINDS
from backfill.models import RepairItem, RepairRun, RepairState
from backfill.repair import requests, settling
from datasets.models import LakeEntry
from tradenexus import db
from tradenexus.errors import BadRequest, ProblemError
from tradenexus.jobs.models import Job
from tradenexus.web import copy, tables
from tradenexus.web.page import Page

ITEMS = 100
WORDS = {
    "MISSING": "whole sessions",
    "MISSING_ROWS": "bars of sessions that are there in part",
    "GAP": "rows far apart where no calendar is known",
}


class Repairs(Page):
    """All repairs of the workspace, and the form that asks for one."""

    template, fragment = "backfill/repairs.html", "backfill/_repairs.html"
    nav = "lakehouse"
    title = "Gap repair"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the form as it was filled in (or as the address says) and a page of repairs."""
        said = self._said()
        pager = tables.page(self.request, RepairRun.of(self.actor.tenant_id))
        return {
            "crumbs": [("Lakehouse", "/lakehouse/"), (self.title, "")],
            "said": said,
            "kinds": [(kind, WORDS[kind], kind in (said["kinds"] or KINDS)) for kind in KINDS],
            "ask": commands(said),
            "pager": pager,
            "rows": rows_of(pager.items),
            "filled": LakeEntry.of(self.actor.tenant_id).exists(),
            "days": settings.NEXUS_REPAIR_ASK_AGAIN_DAYS,
            "copy": copy.commands("GET", "/v1/lake/repairs", cli="nexus lake repairs"),
            "twin": "/v1/lake/repairs",
        }

    def _said(self) -> dict[str, Any]:
        given = self.request.POST if self.request.method == "POST" else self.query
        return {
            "entries": " ".join(given.getlist("entries")).replace(",", " ").split(),
            "from": given.get("from", "").strip()[:40],
            "to": given.get("to", "").strip()[:40],
            "kinds": [kind for kind in given.getlist("kinds") if kind in KINDS],
            "again": bool(given.get("again")),
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        """Ask for a plan or a repair and lead to it."""
        self.require("write")
        try:
            with db.atomic():
                repair = requests.request(self.actor, self._said() | {"plan": bool(request.POST.get("plan"))})
        except ProblemError as problem:
            return self.invalid(self.template, self.context() | {"problem": problem.message})
        return self.done(f"/lakehouse/repairs/{repair.ref}/")


class Repair(Page):
    """One repair: what was found, what came of each range, and why."""

    template, fragment = "backfill/repair.html", "backfill/_repair.html"
    nav = "lakehouse"

    def context(self, ref: str = "", **kwargs: Any) -> dict[str, Any]:
        """Return the repair and one page of its ranges, all or those of an outcome."""
        repair = self.find(RepairRun, ref)
        outcome = self.query.get("outcome", "")
        if outcome and outcome not in RepairState.values:
            raise BadRequest("no outcome of this name", {"fields": {"outcome": [outcome[:16]]}})
        counted = settling.counts(repair)
        pager = tables.page(self.request, _items(repair, outcome), ("number",), ITEMS)
        job = Job.of(self.actor.tenant_id).filter(subject=repair.ref).order_by("-created_at").first()
        return {
            "title": "Plan of a repair" if repair.plan else "Repair of gaps",
            "crumbs": [("Lakehouse", "/lakehouse/"), ("Gap repair", "/lakehouse/repairs/"), (repair.ref[:12], "")],
            "state": _seen(repair, counted),
            "repair": repair,
            "row": rows_of([repair])[0],
            "meant": meant(repair.selection),
            "job": job,
            "busy": not repair.finished_at,
            "outcomes": [(state, counted[state], state == outcome) for state in RepairState.values if counted[state]],
            "outcome": outcome,
            "pager": pager,
            "items": [_shown(item) for item in pager.items],
            "run": commands(repair.selection),
            "copy": copy.commands("GET", f"/v1/lake/repairs/{repair.ref}", cli=f"nexus lake repairs {repair.ref}"),
            "twin": f"/v1/lake/repairs/{repair.ref}",
        }


def commands(said: dict[str, Any]) -> copy.Commands:
    """Return the commands that ask for the repair of a selection."""
    body = {name: value for name, value in said.items() if value}
    if set(said["kinds"] or KINDS) == set(KINDS):
        body.pop("kinds", None)
    words = [shlex.quote(each) for each in said["entries"]]
    words += [f"--{name} {shlex.quote(said[name])}" for name in ("from", "to") if said[name]]
    words += [f"--kind {kind}" for kind in body.get("kinds", ())] + (["--again"] if said["again"] else [])
    return copy.commands("POST", "/v1/lake/repairs", body, cli=" ".join(["nexus lake repair", *words, "--wait"]))


def rows_of(repairs: list[RepairRun]) -> list[dict[str, Any]]:
    """Return repairs with their figures, as lists show them."""
    figures = settling.figures(repairs)
    return [_row(repair, *figures[repair.id]) for repair in repairs]


def _row(repair: RepairRun, counted: dict[str, int], filled: int) -> dict[str, Any]:
    return {
        "repair": repair,
        "url": f"/lakehouse/repairs/{repair.ref}/",
        "state": _seen(repair, counted),
        "meant": meant(repair.selection),
        "found": repair.found,
        "counts": counted,
        "filled": filled,
        "left": counted["left"] + repair.found.get("left", 0),
    }


def _seen(repair: RepairRun, counted: dict[str, int]) -> str:
    """Return the word a person sees: of a finished repair how it ended, for nothing that failed is green."""
    if not repair.finished_at:
        return settling.state_of(repair)
    failed = counted[RepairState.FAILED]
    if error := repair.found.get("error"):
        return "cancelled" if error["code"] == "JOB_CANCELLED" else RepairState.FAILED
    if failed and failed == sum(counted.values()):
        return RepairState.FAILED
    if failed or counted[RepairState.PARTLY] or counted[RepairState.QUARANTINED]:
        return RepairState.PARTLY
    return settling.state_of(repair)


def meant(selection: dict[str, Any]) -> str:
    """Say a selection in words."""
    names = selection.get("entries") or []
    words = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") or "all entries"
    words += f" from {selection['from']}" if selection.get("from") else ""
    words += f" to {selection['to']}" if selection.get("to") else ""
    kinds = selection.get("kinds") or []
    return words + (f", {' and '.join(kinds)} only" if kinds and len(kinds) < len(KINDS) else "")


def _items(repair: RepairRun, outcome: str) -> QuerySet[RepairItem]:
    rows = RepairItem.objects.filter(run=repair)
    return rows.filter(state=outcome) if outcome else rows


def _shown(item: RepairItem) -> dict[str, Any]:
    return {
        "item": item,
        "url": f"/lakehouse/{item.table}/{quote(item.instrument, safe=':')}/",
        "vendors": ", ".join(each["vendor"] for each in item.asked),
        "benign": settling.benign(item),
    }
