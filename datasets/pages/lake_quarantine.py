"""Refused rows: those of one entry, one refused session with its rows, and what a reviewer settles about it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from datasets import reads, review
from datasets.lake import rules
from datasets.models import LakePartition, LakeQuarantine
from datasets.pages import lake_commands
from datasets.pages.lake_frame import EntryPage, url_of
from datasets.storage import blobs
from tradenexus import db
from tradenexus.errors import BadRequest, ProblemError
from tradenexus.jobs.models import LIVE, Job
from tradenexus.web import tables
from tradenexus.web.page import Page

ROWS = 50
SHOWN = 20  # of the refused rows
STATES = LakeQuarantine.STATES


class EntryQuarantine(EntryPage):
    """The refused sessions of an entry."""

    tab = "quarantine"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return one page of refused sessions, the newest first; those that wait for somebody stand out."""
        rows = LakeQuarantine.of(self.actor.tenant_id).filter(entry=self.entry).select_related("entry")
        pager = tables.page(self.request, rows, limit=ROWS)
        query = {"table": self.entry.table, "instrument": self.entry.instrument}
        return {
            "pager": pager,
            "refused": refused_of(pager.items),
            "copy": lake_commands.quarantine(query),
            "twin": f"/v1/lake/quarantine?table={self.entry.table}&instrument={self.entry.instrument}",
        }


def refused_of(found: list[LakeQuarantine]) -> list[dict[str, Any]]:
    """Return refused sessions as lists show them: {row, about, url, entry_url}."""
    return [
        {"row": row, "about": rules.ABOUT.get(row.code, ""), "url": url(row), "entry_url": url_of(row.entry)}
        for row in found
    ]


def url(held: LakeQuarantine) -> str:
    """Return the address of a refused session."""
    return f"/lakehouse/quarantine/{held.ref}/"


class SettleForm(forms.Form):
    """Why refused rows may enter, or stay out."""

    reason = forms.CharField(
        min_length=review.REASON_LEAST, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}), label="Reason"
    )


class Refused(Page):
    """One refused session: its rows, why they were refused, release or dismiss."""

    template, fragment = "datasets/lake_refused.html", "datasets/_lake_refused.html"
    nav = "lakehouse"

    def context(self, ref: str = "", **kwargs: Any) -> dict[str, Any]:
        """Return the rows, the verdict that stands on the session, and the forms."""
        held = self.find(LakeQuarantine, ref)
        entry = held.entry
        columns, rows, unread = rows_of(held)
        jobs = Job.of(self.actor.tenant_id).filter(kind=review.JOB, subject=held.ref).order_by("-created_at")
        return {
            "held": held,
            "entry": entry,
            "entry_url": url_of(entry),
            "title": f"Refused rows of {held.session}",
            "heading": f"{held.session} refused",
            "state": held.state,
            "crumbs": [
                ("Lakehouse", "/lakehouse/"),
                (str(entry), url_of(entry)),
                ("Quarantine", f"{url_of(entry)}quarantine/"),
                (str(held.session), ""),
            ],
            "about": rules.ABOUT.get(held.code, ""),
            "standing": LakePartition.objects.filter(entry=entry, session=held.session).first(),
            "columns": columns,
            "rows": rows,
            "unread": unread,
            "form": SettleForm(),
            "least": review.REASON_LEAST,
            "made": list(held.versions.select_related("dataset").order_by("-number")[:SHOWN]),
            "job": jobs.filter(state__in=LIVE).first() or jobs.filter(state="failed").first(),
            "copy": lake_commands.settle(held, "release"),
            "ways": [(verb, lake_commands.settle(held, verb).tongues[:2]) for verb in ("release", "dismiss")],
            "twin": f"/v1/lake/quarantine/{held.ref}",
        }

    def post(self, request: HttpRequest, ref: str) -> HttpResponse:
        """Release or dismiss; a refusal is told in the form, what was settled meanwhile in words."""
        self.require("write")
        held = self.find(LakeQuarantine, ref)
        form = SettleForm(request.POST)
        if form.is_valid():
            settle = review.dismiss if request.POST.get("action") == "dismiss" else review.release
            try:
                with db.atomic():
                    settle(self.actor, held, form.cleaned_data["reason"])
                return self.done(url(held))
            except (BadRequest, review.AlreadySettled) as refusal:
                form.add_error(None, refusal.message)
        return self.invalid(self.fragment or self.template, self.context(ref) | {"form": form})


def rows_of(held: LakeQuarantine) -> tuple[list[str], list[list[Any]], str]:
    """Return the first refused rows: (columns, rows as exact text, why they cannot be read)."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with blobs.local(held.key) as path, parquet.ParquetFile(path) as reader:
            batch = next(reader.iter_batches(SHOWN), None)
            columns = list(reader.schema_arrow.names)
            if batch is None:
                return columns, [], ""
            rows = [[reads.shown(batch.column(name)[at]) for name in columns] for at in range(batch.num_rows)]
            return columns, rows, ""
    except (pa.ArrowInvalid, OSError, ProblemError) as fault:
        words = fault.message if isinstance(fault, ProblemError) else "The file is not readable."
        return [], [], words
