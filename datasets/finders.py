"""What the search box finds among datasets, and what the overview tells of them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from datasets.models import BulkAction, Dataset, DatasetVersion, ExportBundle, Status, UploadSession
from datasets.models.upload import PARTIAL
from tradenexus import ids
from tradenexus.jobs import subjects
from tradenexus.jobs.subjects import Subject
from tradenexus.search.registry import finder, summary


@finder("datasets")
def datasets(tenant_id: UUID, text: str, limit: int) -> list[dict[str, Any]]:
    """Find datasets by part of the name, by symbol, or by the id of the dataset or of one of its versions."""
    rows = Dataset.of(tenant_id).filter(_wanted(text), version__gte=1).distinct().order_by("-created_at")[:limit]
    return [
        {
            "kind": "dataset",
            "id": row.ref,
            "label": row.name,
            "detail": f"{row.kind or 'unknown kind'}, {row.status}",
            "url": f"/datasets/{row.ref}/",
        }
        for row in rows
    ]


def _wanted(text: str) -> Q:
    for model, field in ((Dataset, "id"), (DatasetVersion, "versions__id")):
        try:
            return Q(**{field: ids.decode(model.prefix, text)})
        except ValueError:
            continue
    return Q(name__icontains=text) | Q(symbols_text__icontains=f"|{text}|")


@summary("datasets")
def by_status(tenant_id: UUID) -> dict[str, Any]:
    """Return how many datasets are in each state."""
    counts = Dataset.of(tenant_id).filter(version__gte=1).values_list("status").annotate(Count("id")).order_by("status")
    found = dict(counts)
    return {"total": sum(found.values()), "byStatus": {status: found.get(status, 0) for status in Status.values}}


@summary("uploads")
def recent_uploads(tenant_id: UUID) -> dict[str, Any]:
    """Return the uploads that can be resumed, newest first."""
    rows = UploadSession.of(tenant_id).filter(state="open").exclude(concat=PARTIAL).order_by("-created_at", "-id")[:10]
    shown = [
        {
            "id": row.ref,
            "filename": row.filename,
            "offset": row.offset,
            "sizeBytes": row.length,
            "expiresAt": row.expires_at,
        }
        for row in rows
    ]
    return {"open": shown}


@subjects.describes("ds")
def named_datasets(tenant_id: UUID, refs: list[str]) -> dict[str, Subject]:
    """Say how datasets are called."""
    rows = Dataset.of(tenant_id).filter(id__in=_decoded(Dataset, refs))
    return {row.ref: Subject(row.ref, "dataset", row.name, f"/datasets/{row.ref}/") for row in rows}


@subjects.describes("dsv")
def named_versions(tenant_id: UUID, refs: list[str]) -> dict[str, Subject]:
    """Say how versions are called: the dataset's name and the number."""
    rows = DatasetVersion.of(tenant_id).filter(id__in=_decoded(DatasetVersion, refs)).select_related("dataset")
    return {
        row.ref: Subject(
            row.ref, "version", f"{row.dataset.name}@{row.number}", f"/datasets/{row.dataset.ref}/v/{row.number}/"
        )
        for row in rows
    }


@subjects.describes("up")
def named_uploads(tenant_id: UUID, refs: list[str]) -> dict[str, Subject]:
    """Say how uploads are called: by their file."""
    rows = UploadSession.of(tenant_id).filter(id__in=_decoded(UploadSession, refs))
    return {row.ref: Subject(row.ref, "upload", row.filename, f"/uploads/{row.ref}/") for row in rows}


@subjects.describes("bulk")
def named_bulk_actions(tenant_id: UUID, refs: list[str]) -> dict[str, Subject]:
    """Say how bulk actions are called: what is done, and to how many."""
    rows = BulkAction.of(tenant_id).filter(id__in=_decoded(BulkAction, refs))
    return {
        row.ref: Subject(row.ref, "bulk action", f"{row.action} {row.total:,} datasets", f"/datasets/bulk/{row.ref}/")
        for row in rows
    }


@subjects.holds("ds")
def versions_of(tenant_id: UUID, ref: str) -> list[str]:
    """Return the ids of a dataset's versions, which jobs name."""
    rows = DatasetVersion.of(tenant_id).filter(dataset_id__in=_decoded(Dataset, [ref])).order_by("-number")
    return [ids.encode(DatasetVersion.prefix, key) for key in rows.values_list("id", flat=True)[:1000]]


@subjects.describes("exp")
def named_exports(tenant_id: UUID, refs: list[str]) -> dict[str, Subject]:
    """Say how exports are called: by their night."""
    rows = ExportBundle.of(tenant_id).filter(id__in=_decoded(ExportBundle, refs))
    return {row.ref: Subject(row.ref, "export", f"{row.night}", f"/exports/{row.night}/") for row in rows}


def _decoded(model: Any, refs: list[str]) -> list[UUID]:
    found = []
    for ref in refs:
        with suppress(ValueError):
            found.append(ids.decode(model.prefix, ref))
    return found
