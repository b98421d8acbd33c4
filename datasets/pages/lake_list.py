"""The lakehouse: every entry of the golden copy with its age, its verdicts and its size; facets and keyset pages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count

from datasets.lake import catalog
from datasets.market import tables as lake_tables
from datasets.models import Grade, LakeEntry, LakeQuarantine
from datasets.pages import lake_commands, lake_facts
from datasets.pages.lake_facts import Facts
from tradenexus import db
from tradenexus.web import copy, figures, tables
from tradenexus.web.page import Page

FILTERS = {"table": "table", "q": "text", "grade": "grade", "freshness": "freshness", "vendor": "vendor"}
WIDTH = 72  # of the bar of verdicts, in its own units
LEAST, FINE = 2, 0.3  # what is there is seen: in a list, and as wide as a page
VENDORS = 200


@dataclass(slots=True)
class Row:
    """One entry as the list shows it; `bar` is [(verdict, x, width)]."""

    entry: LakeEntry
    interval: str
    days: str
    age: str
    late: bool
    facts: Facts
    score: str
    bar: list[tuple[str, float, float]]


class LakeList(Page):
    """All entries of the workspace."""

    template, fragment = "datasets/lake_list.html", "datasets/_lake_list.html"
    nav = "lakehouse"
    title = "Lakehouse"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the entries asked for, what there is to choose from, and the totals."""
        tenant = self.actor.tenant_id
        asked = {name: self.query.get(name, "") for name in FILTERS}
        found = catalog.entries(tenant, **{FILTERS[name]: value for name, value in asked.items()})
        pager = tables.page(self.request, found, ("table", "instrument"))
        query = {name: value for name, value in asked.items() if value}
        told = catalog.summary(tenant)
        whole = not pager.next_url and not pager.first_url
        return {
            "pager": pager,
            "rows": rows_of(pager.items),
            "matching": len(pager) if whole else found.count() if query else told["entries"],
            "lake": told,
            "green_share": 100 * told["green"] / told["sessions"] if told["sessions"] else None,
            "held": LakeQuarantine.of(tenant).filter(state="held").count(),
            "asked": asked,
            "narrowed": bool(query),
            "narrowing": len(set(query) - {"grade"}),  # the grades stand beside the sheet
            "grades": _grades(tenant, asked["grade"].upper()),
            "vendors": _vendors(tenant, asked["vendor"]),
            "states": [(state, told[state]) for state in catalog.STATES],
            "copy": lake_commands.entries(query),
            "twin": "/v1/lake/entries" + tables.changed(self.query, cursor=None).rstrip("?"),
            "gap_days": settings.NEXUS_INGEST_GAP_DAYS,
            "menu": MENU,
            "primary": PRIMARY if told["entries"] and self.actor.may("write") else None,
            **({} if told["entries"] else {"ways": _ways()}),
        }


PRIMARY = {"label": "Ingest candidates", "url": "/lakehouse/ingests/new/"}
MENU = [
    ("Promote a version", "/datasets/?state=validated,ready"),
    ("Create a snapshot", "/lakehouse/snapshots/"),
    ("Commits", "/lakehouse/commits/"),
    ("Gap repair", "/lakehouse/repairs/"),
    ("Exports", "/exports/"),
    ("Vendors", "/vendors/"),
]


def rows_of(found: list[LakeEntry]) -> list[Row]:
    """Return entries as rows; a few queries for all of them."""
    facts, now = lake_facts.of(found), db.now()
    return [_row(entry, facts[entry.id], now) for entry in found]


def bar(green: int, amber: int, red: int, least: float = LEAST) -> list[tuple[str, float, float]]:
    """Return the parts of a bar of verdicts, WIDTH wide together: [(verdict, x, width)]; the rarest is `least` wide."""
    total = green + amber + red
    shares = [(name, count) for name, count in (("green", green), ("amber", amber), ("red", red)) if count]
    widths = [max(least, WIDTH * count / total) for _, count in shares]
    over = sum(widths) - WIDTH
    parts, x = [], 0.0
    for (name, _), width in zip(shares, widths, strict=True):
        held = width - over if width == max(widths) else width
        parts.append((name, round(x, 2), round(held, 2)))
        x += held
    return parts


def score_text(score: float | None) -> str:
    """Return a score with one decimal, cut off: 100.0 only where nothing is missing."""
    return figures.number(math.floor(score * 10) / 10, 1) if score is not None else ""


def days_of(first_ns: int | None, last_ns: int | None) -> str:
    """Return a range in days: `2021-01-01 - 2026-11-19`."""
    if first_ns is None or last_ns is None:
        return ""
    return f"{figures.moment_ns(first_ns)[:10]} - {figures.moment_ns(last_ns)[:10]}"


def _row(entry: LakeEntry, facts: Facts, now: datetime) -> Row:
    age = figures.span((now - entry.fetched_at).total_seconds()) if entry.fetched_at else ""
    late = catalog.freshness(entry, now) == catalog.LATE
    parts = bar(entry.green, entry.amber, entry.red)
    interval = lake_tables.find(entry.table).interval
    return Row(
        entry,
        interval,
        days_of(entry.first_ns, entry.last_ns),
        age,
        late,
        facts,
        score_text(entry.quality_score),
        parts,
    )


def _grades(tenant: Any, chosen: str) -> list[tuple[str, int, bool]]:
    counted = dict(catalog.entries(tenant).order_by().values_list("grade").annotate(Count("id")))
    return [(grade, counted.get(grade, 0), grade == chosen) for grade in Grade.values]


def _vendors(tenant: Any, chosen: str) -> list[str]:
    said = catalog.entries(tenant).exclude(vendor="").order_by("vendor").values_list("vendor", flat=True)
    known = list(said.distinct()[:VENDORS])
    return known if chosen in {"", *known} else [chosen, *known]


def _ways() -> list[tuple[str, str]]:
    body = {"table": "equities_bars", "instruments": {"AAPL": "XNAS:AAPL"}, "type": "equity", "calendar": "XNYS"}
    cli = (
        "nexus lake promote us-daily-stocks@1 --table equities_bars --as AAPL=XNAS:AAPL "
        "--type equity --calendar XNYS --wait"
    )
    promote = copy.commands("POST", "/v1/datasets/ds_.../promote", body, cli=cli)
    wanted = {"candidates": ["XNAS:AAPL", "XNAS:MSFT"]}
    ingest = copy.commands("POST", "/v1/lake/candidates", wanted, cli="nexus ingest refresh candidates.json --wait")
    return [
        ("Ingest candidates (CLI)", ingest.cli),
        ("Ingest candidates (curl)", ingest.curl),
        ("Promote a version (CLI)", promote.cli),
        ("Promote a version (curl)", promote.curl),
    ]
