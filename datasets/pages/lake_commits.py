"""Commits of the lake: who changed what and when, by which operation, what came of it, and what each entry became."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from datasets.models import LakeCommit, LakeRevision
from datasets.pages.lake_diff import url_of as diff_url
from datasets.pages.lake_frame import sources, url_of
from tradenexus.web import copy, tables
from tradenexus.web.page import Page

HOME = "/lakehouse/commits/"
PAGE_ROWS = 50
FIRST = 3  # entries of a commit in the list


class Commits(Page):
    """All commits of the workspace, the newest first."""

    template, fragment = "datasets/lake_commits.html", "datasets/_lake_commits.html"
    nav = "lakehouse"
    title = "Commits"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return one page of commits, narrowed by operation and source."""
        asked = {name: self.query.get(name, "")[:64].replace("\0", "") for name in ("operation", "source")}
        rows = LakeCommit.of(self.actor.tenant_id)
        operations = list(rows.order_by("operation").values_list("operation", flat=True).distinct())
        shown = rows.select_related("created_by").filter(**{name: value for name, value in asked.items() if value})
        pager = tables.page(self.request, shown, limit=PAGE_ROWS)
        told = sources(self.actor.tenant_id, pager.items)
        options = "".join(f" --{name} {value}" for name, value in asked.items() if value)
        return {
            "pager": pager,
            "commits": [_listed(each, told.get(each.source)) for each in pager.items],
            "asked": asked,
            "operations": operations,
            "narrowed": any(asked.values()),
            "crumbs": [("Lakehouse", "/lakehouse/"), (self.title, "")],
            "copy": copy.commands("GET", "/v1/lake/commits", cli=f"nexus lake commits{options}", query=asked),
            "twin": "/v1/lake/commits" + tables.changed(self.query, cursor=None).rstrip("?"),
        }


class Commit(Page):
    """One commit and every entry that it changed."""

    template, fragment = "datasets/lake_commit.html", "datasets/_lake_commit.html"
    nav = "lakehouse"

    def context(self, ref: str = "", **kwargs: Any) -> dict[str, Any]:
        """Return the commit and one page of the revisions that it made."""
        commit = self.find(LakeCommit, ref)
        rows = LakeRevision.objects.filter(commit=commit).select_related("entry")
        pager = tables.page(self.request, rows, ("id",), PAGE_ROWS)
        twin = f"/v1/lake/commits/{commit.ref}"
        return {
            "commit": commit,
            "source": sources(self.actor.tenant_id, [commit]).get(commit.source),
            "title": f"{commit.operation} of {commit.created_at:%Y-%m-%d %H:%M:%S}Z",
            "pager": pager,
            "revisions": [_changed(each) for each in pager.items],
            "crumbs": [("Lakehouse", "/lakehouse/"), ("Commits", HOME), (commit.ref, "")],
            "copy": copy.commands("GET", twin, cli=f"nexus lake commit {commit.ref}"),
            "twin": twin,
        }


def _changed(row: LakeRevision) -> dict[str, Any]:
    base, kept = url_of(row.entry), row.number - 1 >= max(1, row.entry.oldest_revision)
    return {"row": row, "url": base, "diff": diff_url(base, row.number - 1, row.number) if kept else ""}


def _listed(commit: LakeCommit, source: dict[str, str] | None) -> dict[str, Any]:
    changed = [each for each in commit.summary.get("first", []) if each.get("changed")]
    named = []
    for each in changed[:FIRST]:
        table, _, instrument = each["entry"].partition("/")
        base, number = f"/lakehouse/{table}/{quote(instrument, safe=':')}/", each["revision"]
        diff = diff_url(base, number - 1, number) if number > 1 else ""
        named.append({"name": each["entry"], "url": base, "revision": number, "diff": diff})
    others = max(0, commit.summary.get("changed", 0) - len(named))
    return {"row": commit, "url": f"{HOME}{commit.ref}/", "source": source, "named": named, "others": others}
