"""What the search box finds among datasets, and what the overview tells of them."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.db.models import Count, Q

from datasets.models import (
    BulkAction,
    Dataset,
    DatasetVersion,
    ExportBundle,
    LakeCommit,
    LakeEntry,
    Snapshot,
    Status,
    UploadSession,
)
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


@finder("lake_entries")
def lake_entries(tenant_id: UUID, text: str, limit: int) -> list[dict[str, Any]]:
    """Find entries of the lake by a part of VENUE:SYMBOL, by table, by TABLE/VENUE:SYMBOL, or by id."""
    table, slash, instrument = text.partition("/")
    named = Q(instrument__icontains=text) | Q(table__iexact=text)
    named |= Q(table__iexact=table, instrument__icontains=instrument) if slash else Q(instrument=text)
    wanted = _by_id(LakeEntry, text) or named
    rows = LakeEntry.of(tenant_id).filter(wanted, updated_at__isnull=False).order_by("instrument", "table")[:limit]
    return [
        {
            "kind": "lake entry",
            "id": row.ref,
            "label": f"{row.table}/{row.instrument}",
            "detail": f"{row.grade or 'not judged'}, {row.rows:,} rows, revision {row.revision}",
            "url": f"/lakehouse/{row.table}/{quote(row.instrument, safe=':')}/",
        }
        for row in rows
    ]


@finder("snapshots")
def snapshots(tenant_id: UUID, text: str, limit: int) -> list[dict[str, Any]]:
    """Find snapshots by a part of the run's id, by their own, or by their digest."""
    wanted = _by_id(Snapshot, text) or Q(name__icontains=text) | Q(digest=text.lower())
    return [
        {
            "kind": "snapshot",
            "id": row.ref,
            "label": row.name,
            "detail": f"{row.state}, {row.entries:,} entries",
            "url": f"/lakehouse/snapshots/{row.ref}/",
        }
        for row in Snapshot.of(tenant_id).filter(wanted).order_by("-created_at", "-id")[:limit]
    ]


@finder("exports")
def exports(tenant_id: UUID, text: str, limit: int) -> list[dict[str, Any]]:
    """Find exports by their night (2026-11-20), by id, or by the digest of their manifest."""
    wanted = _by_id(ExportBundle, text) or Q(manifest_sha256=text.lower())
    with suppress(ValueError):
        wanted = Q(night=date.fromisoformat(text))
    return [
        {
            "kind": "export",
            "id": row.ref,
            "label": f"{row.night}",
            "detail": f"{row.state}, {row.files_count:,} files",
            "url": f"/exports/{row.night}/",
        }
        for row in ExportBundle.of(tenant_id).filter(wanted).order_by("-night")[:limit]
    ]


@finder("lake_commits")
def lake_commits(tenant_id: UUID, text: str, limit: int) -> list[dict[str, Any]]:
    """Find commits of the lake by their id, or by that of what they came from."""
    wanted = _by_id(LakeCommit, text) or Q(source=text)
    return [
        {
            "kind": "lake commit",
            "id": row.ref,
            "label": f"{row.operation} {row.created_at:%Y-%m-%d %H:%M}Z",
            "detail": f"{row.summary.get('changed', 0):,} entries changed",
            "url": f"/lakehouse/commits/{row.ref}/",
        }
        for row in LakeCommit.of(tenant_id).filter(wanted).order_by("-created_at", "-id")[:limit]
    ]


def _by_id(model: Any, text: str) -> Q | None:
    try:
        return Q(id=ids.decode(model.prefix, text))
    except ValueError:
        return None


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
