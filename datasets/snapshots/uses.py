"""What uses a snapshot: matrices of returns that were made of it, and folders that its files were put down in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets.models import ReturnsMatrix, Snapshot
from datasets.snapshots import materialise
from tradenexus.jobs.models import LIVE, Job

MATRIX, FILES = "returns-matrix", "files"
MOST = 200


def of(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return up to 200 of each kind, the newest first: {kind, id, label, state, jobId, createdAt}.

    A matrix is building, ready or failed. A folder (one each, the newest job that filled it) is building, ready, or
    gone when it is not there any more.
    """
    matrices = ReturnsMatrix.of(snapshot.tenant_id).filter(snapshot=snapshot).order_by("-created_at", "-id")[:MOST]
    told = [
        {
            "kind": MATRIX,
            "id": row.ref,
            "label": f"{row.table}, {len(row.candidates):,} candidates",
            "state": row.state,
            "jobId": row.job_ref or None,
            "createdAt": row.created_at,
        }
        for row in matrices
    ]
    return sorted([*told, *_folders(snapshot)], key=lambda each: each["createdAt"], reverse=True)


def _folders(snapshot: Snapshot) -> list[dict[str, Any]]:
    jobs = Job.of(snapshot.tenant_id).filter(subject=snapshot.ref, kind=materialise.JOB)
    found: dict[str, dict[str, Any]] = {}
    for job in jobs.filter(state__in=[*LIVE, "succeeded"]).order_by("-created_at", "-id")[:MOST]:
        building = job.state != "succeeded"
        folder = job.params.get("folder", "") if building else (job.result or {}).get("folder", "")
        label = folder or f"files, {job.params['layout']}"
        state = "building" if building else "ready" if Path(folder).is_dir() else "gone"
        facts = {"kind": FILES, "id": job.ref, "label": label, "state": state, "jobId": job.ref}
        found.setdefault(label, {**facts, "createdAt": job.created_at})
    return list(found.values())
