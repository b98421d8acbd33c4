"""What all pages of one entry of the lake share: head, tabs, the time that is looked at, where commits came from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse

from datasets.lake import catalog, scan
from datasets.market import tables
from datasets.models import DatasetVersion, LakeCommit, LakeEntry, LakeQuarantine, LakeRevision
from datasets.pages import lake_commands, lake_list
from tradenexus import db, ids
from tradenexus.errors import BadRequest
from tradenexus.web import figures
from tradenexus.web.page import Page

TABS = ("overview", "ledger", "quarantine", "revisions", "files")


class EntryPage(Page):
    """A page about one instrument of one table."""

    template = "datasets/lake_entry.html"
    nav = "lakehouse"
    tab: ClassVar[str] = "overview"
    entry: LakeEntry

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Name the panel after the tab."""
        super().__init_subclass__(**kwargs)
        if "tab" in cls.__dict__:
            cls.fragment = f"datasets/_lake_{cls.tab}.html"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Answer the page, or its panel to htmx."""
        self.locate(**kwargs)
        return self.render(self.framed(self.context()))

    def locate(self, table: str, instrument: str) -> None:
        """Find the entry; NotFound for what the lake does not hold."""
        self.entry = scan.entry_of(self.actor.tenant_id, table, instrument)

    @property
    def base(self) -> str:
        """The address of the entry."""
        return url_of(self.entry)

    @property
    def as_of(self) -> datetime | None:
        """The time that is looked at (`?as_of=`), None for now."""
        return self.moment("as_of")

    def moment(self, name: str) -> datetime | None:
        """Return a time from the query, UTC where it has no zone, None without it; BadRequest for anything else."""
        raw = self.query.get(name, "").strip()
        if not raw:
            return None
        try:
            parsed = datetime.fromisoformat(raw.replace(" ", "T", 1))
        except ValueError as error:
            words = f"{name} must be a time such as 2026-11-20T14:03:11Z"
            raise BadRequest(words, {"fields": {name: [raw[:40]]}}) from error
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed

    def moment_ns(self, name: str) -> int | None:
        """Return a time from the query as UTC nanoseconds."""
        moment = self.moment(name)
        if moment is None:
            return None
        delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
        return (delta.days * 86_400 + delta.seconds) * 10**9 + delta.microseconds * 1_000

    def framed(self, context: dict[str, Any]) -> dict[str, Any]:
        """Add the head and the tabs to what the panel shows."""
        entry, now, past = self.entry, db.now(), self.as_of
        held = LakeQuarantine.of(self.actor.tenant_id).filter(entry=entry, state="held").count()
        names = {"quarantine": f"Quarantine {held}" if held else "Quarantine"}
        kept = f"?as_of={quote(figures.iso(past))}" if past else ""
        own = {
            "title": f"{entry.instrument} in {entry.table}",
            "heading": entry.instrument,
            "state": entry.grade,
            "entry": entry,
            "interval": tables.find(entry.table).interval,
            "freshness": catalog.freshness(entry, now),
            "age": figures.span((now - entry.fetched_at).total_seconds()) if entry.fetched_at else "",
            "days": lake_list.days_of(entry.first_ns, entry.last_ns),
            "score": lake_list.score_text(entry.quality_score),
            "base": self.base,
            "past": past,
            "past_revision": scan.revision_at(entry, past) if past else None,
            "crumbs": [
                ("Lakehouse", "/lakehouse/"),
                (entry.table, f"/lakehouse/?table={entry.table}"),
                (entry.instrument, ""),
            ],
            "panel": self.fragment,
            "tabs": [(name, names.get(name, name.capitalize()), self._tab_url(name) + kept) for name in TABS],
            "tab": self.tab,
            "copy": lake_commands.of_entry(entry, self.tab),
            "refresh": lake_commands.refresh(entry).tongues[:2],
            "key": uuid4().hex,
            "twin": lake_commands.api_path(entry),
            "menu": [
                ("What is said of the instrument", f"/lakehouse/instruments/{quote(entry.instrument, safe=':')}/"),
                ("Data quality", "/lakehouse/quality/"),
                ("Repair gaps", f"/lakehouse/repairs/?entries={quote(str(entry), safe=':/')}"),
                ("Commits", "/lakehouse/commits/"),
            ],
        }
        return own | context

    def _tab_url(self, name: str) -> str:
        return self.base if name == "overview" else f"{self.base}{name}/"


def url_of(entry: LakeEntry) -> str:
    """Return the address of an entry's page."""
    return f"/lakehouse/{entry.table}/{quote(entry.instrument, safe=':')}/"


def with_sources(tenant_id: UUID, revisions: Iterable[LakeRevision]) -> list[dict[str, Any]]:
    """Return revisions with what each was made from: {revision, commit, source: {label, url}}."""
    listed = list(revisions)
    told = sources(tenant_id, (one.commit for one in listed))
    return [{"revision": one, "commit": one.commit, "source": told.get(one.commit.source)} for one in listed]


def sources(tenant_id: UUID, commits: Iterable[LakeCommit]) -> dict[str, dict[str, str]]:
    """Return where commits came from, by their source: {label, url}; an id that is not known here is its own label."""
    refs = {commit.source for commit in commits if commit.source}
    told = {ref: {"label": ref, "url": ""} for ref in refs}
    wanted = [found for ref in refs if (found := _decoded(DatasetVersion.prefix, ref))]
    for version in DatasetVersion.of(tenant_id).filter(id__in=wanted).select_related("dataset"):
        url = f"/datasets/{version.dataset.ref}/v/{version.number}/"
        told[version.ref] = {"label": f"{version.dataset.name} v{version.number}", "url": url}
    for ref in refs:
        if _decoded(LakeQuarantine.prefix, ref):
            told[ref] = {"label": "quarantine, by a reviewer", "url": f"/lakehouse/quarantine/{ref}/"}
        elif _decoded("rpr", ref):
            told[ref] = {"label": "a repair of gaps", "url": f"/lakehouse/repairs/{ref}/"}
        elif _decoded("job", ref):
            told[ref] = {"label": "a job", "url": f"/jobs/{ref}/"}
    return told


def _decoded(prefix: str, ref: str) -> UUID | None:
    try:
        return ids.decode(prefix, ref)
    except ValueError:
        return None
