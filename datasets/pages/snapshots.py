"""Snapshots: the list with the form that makes one, and one snapshot with its members, its proof and its matrices."""

from __future__ import annotations

import shlex
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path

from datasets.market import tables as lake_tables
from datasets.models import LakeEntry, ReturnsMatrix, Snapshot, SnapshotMember, SnapshotState
from datasets.reads import time_text
from datasets.snapshots import asking, fitness, folders, freeze, keeping, materialise, uses, verify
from tradenexus import db
from tradenexus.errors import BadRequest, Conflict, NotFound, ProblemError
from tradenexus.jobs.models import LIVE, Job
from tradenexus.web import copy, tables
from tradenexus.web.page import Page

HOME = "/lakehouse/snapshots/"
NEW = {"label": "Create a snapshot", "url": f"{HOME}?new=1#new"}
REFUSED = (BadRequest, Conflict, NotFound)
FIELDS = ("name", "instruments", "tables", "start", "end", "grade", "maxStalenessSeconds", "allowShort")


class SnapshotList(Page):
    """All snapshots of the workspace, newest first, and the form that freezes another."""

    template = "datasets/snapshots.html"
    nav = "lakehouse"
    title = "Snapshots"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return one page of snapshots and what the form offers."""
        rows = Snapshot.of(self.actor.tenant_id)
        state = self.query.get("state", "")
        shown = rows.filter(state=state) if state in SnapshotState.values else rows
        as_of = self.query.get("as_of", "").strip()
        if as_of:
            shown = shown.filter(created_at__lte=asking.moment("as_of", as_of))
        held = LakeEntry.of(self.actor.tenant_id).filter(revision__gt=0)
        return {
            "pager": tables.page(self.request, shown),
            "state_asked": state,
            "as_of": as_of,
            "states": SnapshotState.values,
            "grades": fitness.GRADES,
            "offered": sorted(held.order_by().values_list("table", flat=True).distinct()) or sorted(lake_tables.TABLES),
            "asked": {"grade": "AMBER"},
            "primary": NEW if self.actor.may("write") and not self.opened else None,
            "ways": _creating().tongues[:2],
            "crumbs": [("Lakehouse", "/lakehouse/"), (self.title, "")],
            "copy": copy.commands("GET", "/v1/snapshots", cli="nexus snapshot list"),
            "twin": "/v1/snapshots",
        }

    @property
    def opened(self) -> bool:
        """Whether the form stands on the page."""
        return bool(self.query.get("new")) or self.request.method == "POST"

    def post(self, request: HttpRequest) -> HttpResponse:
        """Freeze what the form says, or show it again with everything that is unfit."""
        self.require("write")
        said = {name: request.POST.get(name, "").strip() for name in FIELDS}
        try:
            with db.atomic():
                snapshot, _ = freeze.freeze(self.actor, _wanted(said, request.POST.getlist("tables")))
        except REFUSED as problem:
            return self._refused(problem, said | {"tables": request.POST.getlist("tables")})
        return self.done(f"{HOME}{snapshot.ref}/")

    def _refused(self, problem: ProblemError, said: dict[str, Any]) -> HttpResponse:
        unfit = problem.details.get("members", []) if isinstance(problem, freeze.MembersUnfit) else []
        more = {"problem": problem.message, "unfit": unfit, "asked": said}
        return self.invalid(self.template, self.context() | more)


class SnapshotPage(Page):
    """One snapshot: what it holds, whether it is whole, how long it stays, what was made of it."""

    template = "datasets/snapshot.html"
    fragment = "datasets/_snapshot.html"
    nav = "lakehouse"

    def context(self, ref: str = "", **kwargs: Any) -> dict[str, Any]:
        """Return the facts, one page of members and the newest matrices."""
        snapshot = self.find(Snapshot, ref)
        members = SnapshotMember.objects.filter(snapshot=snapshot).select_related("entry", "segment")
        jobs = Job.of(self.actor.tenant_id).filter(subject=snapshot.ref).order_by("-created_at")
        at = f"/v1/snapshots/{snapshot.ref}"
        return {
            "snapshot": snapshot,
            "title": snapshot.name,
            "start": time_text(snapshot.start_ns),
            "end": time_text(snapshot.end_ns),
            "pager": tables.page(self.request, members, ("number",)),
            "matrices": ReturnsMatrix.of(self.actor.tenant_id).filter(snapshot=snapshot).order_by("-created_at")[:20],
            "uses": uses.of(snapshot),
            "job": jobs.filter(state__in=LIVE).first(),
            "files": jobs.filter(kind=materialise.JOB, state="succeeded").first(),
            "layouts": folders.LAYOUTS,
            "commands": _commands(snapshot),
            "crumbs": [("Lakehouse", "/lakehouse/"), ("Snapshots", HOME), (snapshot.name, "")],
            "copy": copy.commands("GET", at, cli=f"nexus snapshot show {snapshot.ref}"),
            "twin": at,
        }

    def post(self, request: HttpRequest, ref: str = "") -> HttpResponse:
        """Do what the pressed button says."""
        self.require("write")
        snapshot = self.find(Snapshot, ref)
        action = request.POST.get("action", "")
        try:
            with db.atomic():
                self._act(snapshot, action, request.POST.get("layout", folders.SINGLE))
        except Conflict as problem:
            return self.invalid(self.template, self.context(ref) | {"problem": problem.message})
        return self.done(f"{HOME}{snapshot.ref}/")

    def _act(self, snapshot: Snapshot, action: str, layout: str) -> None:
        if action == "verify":
            verify.request(self.actor, snapshot)
        elif action == "materialise":
            materialise.request(self.actor, snapshot, layout)
        elif action in ("pin", "unpin"):
            keeping.pin(self.actor, snapshot, action == "pin")
        elif action == "expire":
            keeping.expire(self.actor, snapshot, "asked for")
        else:
            raise BadRequest("no such action", {"fields": {"action": [action[:32]]}})


def _wanted(said: dict[str, str], of_tables: list[str]) -> freeze.Wanted:
    stale = said["maxStalenessSeconds"]
    try:
        most = float(stale) if stale else None
    except ValueError as error:
        raise BadRequest("seconds must be a number", {"fields": {"maxStalenessSeconds": [stale[:32]]}}) from error
    return freeze.wanted(
        said["name"],
        said["instruments"].split(),
        of_tables,
        asking.instant("start", said["start"]),
        asking.instant("end", said["end"]),
        max_staleness_s=most,
        grade=said["grade"] or "AMBER",
        allow_short=bool(said["allowShort"]),
    )


def _creating() -> copy.Commands:
    body = {"name": "run-1", "instruments": ["XNYS:IBM"], "tables": ["equities_bars"]}
    body |= {"start": "2024-01-01", "end": "2025-01-01", "grade": "AMBER"}
    cli = "nexus snapshot create run-1 --table equities_bars -i XNYS:IBM --from 2024-01-01 --to 2025-01-01"
    return copy.commands("POST", "/v1/snapshots", body, cli=cli)


def _commands(snapshot: Snapshot) -> list[tuple[str, copy.Commands]]:
    at, name = f"/v1/snapshots/{snapshot.ref}", shlex.quote(snapshot.name)
    pin = "unpin" if snapshot.pinned else "pin"
    return [
        ("Verify", copy.commands("POST", f"{at}:verify", {}, cli=f"nexus snapshot verify {name} --wait")),
        (
            "Put down as files",
            copy.commands("POST", f"{at}:materialise", {"layout": "single"}, cli=f"nexus snapshot materialise {name}"),
        ),
        (
            pin.capitalize(),
            copy.commands("POST", f"{at}:{pin}", {}, cli=f"nexus snapshot pin {name}{' --off' * snapshot.pinned}"),
        ),
        ("Expire", copy.commands("DELETE", at, cli=f"nexus snapshot expire {name}")),
        (
            "Returns matrix",
            copy.commands(
                "POST",
                f"{at}/returns-matrix",
                {"candidates": ["VENUE:SYMBOL"]},
                cli=f"nexus snapshot matrix {name} candidates.json --out returns_matrix.parquet",
            ),
        ),
    ]


ROUTES = [
    path("lakehouse/snapshots/", SnapshotList.as_view()),
    path("lakehouse/snapshots/<str:ref>/", SnapshotPage.as_view()),
]
