"""Datasets, versions, their files and reports, and uploads in the operations desk."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from datasets import summaries
from datasets.maintenance import scrub
from datasets.market import kinds
from datasets.models import Dataset, DatasetVersion, QualityReport, UploadSession, VersionFile
from datasets.uploads import sessions
from tradenexus.actor import Actor
from tradenexus.errors import Conflict
from tradenexus.events import outbox
from tradenexus.ops import columns, filters
from tradenexus.ops.deeds import Deed
from tradenexus.ops.desk import Desk

KIND = filters.known("kind", lambda: kinds.KINDS)
GRADE = filters.known("grade", lambda: ("GREEN", "AMBER", "RED"))


@admin.register(Dataset)
class DatasetDesk(Desk):
    """Datasets of all workspaces."""

    list_display = ("ref", "name", "tenant", columns.chip("status"), "kind", "version", "created_at")
    list_filter = ("status", KIND)
    list_select_related = ("tenant",)
    search_fields = ("name",)
    search_help_text = "The typed id (ds_…) or part of the name"
    product = "/datasets/{ref}/"


def _verify(actor: Actor, version: DatasetVersion, reason: str) -> str:
    return f"being checked by {scrub.request(actor, version, reason).ref}"


def _recompute(actor: Actor, version: DatasetVersion, reason: str) -> str:
    files = list(version.files.all())
    if not files:
        raise Conflict(f"version {version.number} has no canonical files to summarise")
    transaction.on_commit(partial(summaries.forget, files))
    outbox.record(actor, "version.summaries", version.ref, old="kept", new="forgotten", reason=reason)
    return f"what was kept of {len(files)} files is thrown away; the next look computes it anew"


@admin.register(DatasetVersion)
class VersionDesk(Desk):
    """Versions of all workspaces."""

    list_display = (
        "ref",
        "dataset",
        "number",
        "tenant",
        columns.chip("status"),
        "kind",
        columns.chip("grade"),
        "row_count",
        "created_at",
    )
    list_filter = ("status", KIND, GRADE)
    list_select_related = ("tenant", "dataset")
    exact = ("sha256",)
    search_help_text = "The typed id (dsv_…) or the SHA-256 of the file"
    product = "/datasets/{thing.dataset.ref}/v/{thing.number}/"
    deeds = (
        Deed(
            "verify",
            "Verify checksums",
            "Starts a job for each version that reads its stored files again and compares them with the digests "
            "written down. Use it after a disk fault or a restore. A difference fails the job and is recorded; nothing "
            "is changed.",
            _verify,
        ),
        Deed(
            "recompute",
            "Recompute coverage and summaries",
            "Throws away what is kept on this host for coverage, charts and column shapes; the next look reads the "
            "files and computes it anew. Use it when a chart disagrees with the data.",
            _recompute,
        ),
    )

    def name_of(self, thing: DatasetVersion) -> str:
        """As people write it."""
        return f"{thing.dataset.name}@{thing.number}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave what can be long out of the list."""
        rows = super().get_queryset(request)
        return rows if self.one(request) else rows.defer("params", "plan", "symbols")


class OfVersion(Desk):
    """Rows whose history is their version's."""

    def tenant_of(self, thing: Any) -> UUID:
        """The version's."""
        return thing.version.tenant_id

    def ref_of(self, thing: Any) -> str:
        """The version's."""
        return thing.version.ref


@admin.register(VersionFile)
class VersionFileDesk(OfVersion):
    """Canonical files."""

    list_display = ("version", "number", "instrument", "interval", "rows", "size_bytes", "sha256")
    list_select_related = ("version__dataset",)
    search_fields = ("=instrument", "=sha256")
    product = "/datasets/{thing.version.dataset.ref}/v/{thing.version.number}/"


@admin.register(QualityReport)
class ReportDesk(OfVersion):
    """Verdicts."""

    list_display = (
        "ref",
        "tenant",
        "version",
        columns.chip("grade"),
        "score",
        "profile",
        "rejects_count",
        "created_at",
    )
    list_filter = (GRADE,)
    list_select_related = ("tenant", "version__dataset")
    product = "/datasets/{thing.version.dataset.ref}/v/{thing.version.number}/quality/"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave the reports themselves out of the list."""
        rows = super().get_queryset(request)
        return rows if self.one(request) else rows.defer("body")


def _terminate(actor: Actor, session: UploadSession, reason: str) -> str:
    sessions.terminate(actor, session, reason)
    return "cancelled: its bytes are removed and the room it held is free"


@admin.register(UploadSession)
class UploadDesk(Desk):
    """Uploads of all workspaces."""

    list_display = ("ref", "tenant", "filename", columns.chip("state"), "offset", "length", "created_at", "expires_at")
    list_filter = ("state",)
    list_select_related = ("tenant", "version")
    search_fields = ("filename",)
    product = "/uploads/{ref}/"
    deeds = (
        Deed(
            "terminate",
            "Cancel upload",
            "Ends an upload that is not complete; its bytes are removed and cannot be got back. Use it to free room "
            "that a forgotten upload holds.",
            _terminate,
        ),
    )
