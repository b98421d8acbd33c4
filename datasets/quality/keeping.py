"""Keeps what a scan found: the report as the newest of its version, the rejects as a file beside the data."""

from __future__ import annotations

from typing import Any

from datasets.models import DatasetVersion, QualityReport
from datasets.storage import blobs, layout


def store_rejects(version: DatasetVersion, found: dict[str, Any], run: Any) -> str:
    """Put the rejects of a scan into storage -> their key, empty without any; before the transaction."""
    rejects = found.get("rejects") or {}
    if not rejects.get("count"):
        return ""
    key = layout.rejects(version.tenant_id, version.dataset_id, version.id, run.job.id, run.token)
    return blobs.put_file(key, rejects["path"]).key


def save_report(version: DatasetVersion, found: dict[str, Any], rejects_key: str, run: Any) -> None:
    """Write the report of a scan as the version's; inside the effect of its job."""
    body = found["report"]
    QualityReport.everyone.update_or_create(
        version=version,
        defaults={
            "tenant_id": version.tenant_id,
            "grade": body["grade"],
            "score": body["score"],
            "profile": body["profile"],
            "body": body,
            "rejects_key": rejects_key,
            "rejects_count": found.get("rejects", {}).get("count", 0),
            "job_ref": run.job.ref,
        },
    )
