"""What the search box finds among datasets, and what the overview tells of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from datasets.models import Dataset, DatasetVersion, Status, UploadSession
from tradenexus import ids
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
    rows = UploadSession.of(tenant_id).filter(state="open").order_by("-created_at", "-id")[:10]
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
