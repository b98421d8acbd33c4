"""The data-quality board: the worst entries, the codes of all sessions that are not green, refused rows to settle."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, F, Q, QuerySet

from datasets.lake import catalog, rules
from datasets.models import Grade, LakeEntry, LakePartition, LakeQuarantine
from datasets.pages import lake_commands, lake_list
from datasets.pages.lake_frame import url_of
from datasets.pages.lake_home import audit_of, audit_words
from datasets.pages.lake_quarantine import STATES, refused_of
from tradenexus import db
from tradenexus.errors import BadRequest
from tradenexus.web import figures, tables
from tradenexus.web.page import Page

WORST, LATE = 15, 10
ROWS = 50


class Board(Page):
    """What needs somebody, the worst first."""

    template, fragment = "datasets/lake_quality.html", "datasets/_lake_quality.html"
    nav = "lakehouse"
    title = "Data quality"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the worst entries and one page of refused sessions by state, table and code."""
        tenant = self.actor.tenant_id
        asked = {name: self.query.get(name, "") for name in ("state", "table", "code")}
        asked["state"] = asked["state"] or "held"
        pager = tables.page(self.request, _refused(tenant, asked).select_related("entry"), limit=ROWS)
        everything = LakeQuarantine.of(tenant).order_by()
        counted = dict(everything.values_list("state").annotate(Count("id")))
        told = catalog.summary(tenant)
        return {
            "crumbs": [("Lakehouse", "/lakehouse/"), (self.title, "")],
            "lake": told,
            "entry": told,
            "parts": lake_list.bar(told["green"], told["amber"], told["red"], lake_list.FINE),
            "green_share": 100 * told["green"] / told["sessions"] if told["sessions"] else None,
            "held": counted.get("held", 0),
            "late": _late(tenant),
            "audit": (audit := audit_of(tenant)),
            "audit_said": audit_words(audit) if audit else "",
            "worst": _worst(tenant),
            "worst_more": max(0, catalog.entries(tenant, grade="RED").count() - WORST),
            "pager": pager,
            "refused": refused_of(pager.items),
            "asked": asked,
            "states": [(state, counted.get(state, 0), state == asked["state"]) for state in STATES],
            "tables": list(everything.values_list("entry__table", flat=True).distinct().order_by("entry__table")),
            "codes": list(everything.values_list("code", flat=True).distinct().order_by("code")),
            "narrowed": bool(asked["table"] or asked["code"]),
            "copy": lake_commands.quarantine({name: asked[name] for name in ("state", "table")}),
            "twin": f"/v1/lake/quarantine?state={asked['state']}",
        }


def _refused(tenant: Any, asked: dict[str, str]) -> QuerySet[LakeQuarantine]:
    rows = LakeQuarantine.of(tenant)
    if asked["state"] not in STATES:
        raise BadRequest(f"state is one of {', '.join(STATES)}", {"fields": {"state": [asked["state"][:16]]}})
    if asked["code"] and asked["code"] not in rules.ABOUT:
        raise BadRequest("no code of this name", {"fields": {"code": [asked["code"][:24]]}})
    rows = rows.filter(state=asked["state"])
    rows = rows.filter(code=asked["code"]) if asked["code"] else rows
    return rows.filter(entry__table=asked["table"][:48].replace("\0", "")) if asked["table"] else rows


def _late(tenant: Any) -> list[dict[str, Any]]:
    """Return the entries whose rows are overdue, the longest first."""
    rows = catalog.entries(tenant, freshness=catalog.LATE).order_by("expected_next", "table", "instrument")
    now = db.now()
    return [
        {"entry": row, "url": url_of(row), "overdue": figures.span((now - row.expected_next).total_seconds())}
        for row in rows[:LATE]
        if row.expected_next
    ]


def _worst(tenant: Any) -> list[dict[str, Any]]:
    found: list[LakeEntry] = []
    for grade in (Grade.RED, Grade.AMBER):
        rows = catalog.entries(tenant, grade=grade)
        ordered = rows.order_by(F("quality_score").asc(nulls_first=True), "-red", "table", "instrument")
        found += ordered[: WORST - len(found)] if len(found) < WORST else []
    return [
        {
            "row": row,
            "entry": row.entry,
            "url": url_of(row.entry),
            "ledger": f"{url_of(row.entry)}ledger/?status={row.entry.grade}",
        }
        for row in lake_list.rows_of(found)
    ]


class Codes(Page):
    """How many sessions carry each code; a part of its own, because it reads the ledgers of all that is not green."""

    template = fragment = "datasets/_lake_codes.html"
    nav = "lakehouse"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the codes, the gravest first, with how many sessions and entries have them."""
        rows = LakePartition.objects.filter(
            Q(status__in=(Grade.RED, Grade.AMBER)), entry__tenant_id=self.actor.tenant_id
        )
        counted = rows.order_by().values("code").annotate(sessions=Count("id"), entries=Count("entry", distinct=True))
        by_code = {row["code"]: row for row in counted}
        return {
            "codes": [
                by_code[code] | {"status": rules.STATUS[code], "about": about}
                for code, about in rules.ABOUT.items()
                if code in by_code
            ]
        }
