"""The sweep: uploads whose last byte is older than the limit go, and folders that no live upload owns."""

from __future__ import annotations

import os
import time
from uuid import UUID

from django.db.models import Q

from datasets.models.upload import LIVE_STATES, UploadSession, UploadState
from datasets.storage import layout
from datasets.uploads import disk, sessions, shipping
from tradenexus import db
from tradenexus.actor import system

SWEEP = "dataset.uploads.sweep"
EVERY_S = 900.0
_ORPHAN_AGE_S = 3_600
_BATCH = 500
# A part's bytes are needed until the final upload has them.
_NEEDED = Q(state__in=LIVE_STATES) | Q(state=UploadState.JOINED, final__state=UploadState.JOINING)


def sweep(request_id: str) -> dict[str, int]:
    """End expired uploads (bytes and reservation go, the version is archived); remove orphaned folders and parts."""
    return {"expired": _expire(request_id), "orphans": _orphans(), "parts": shipping.sweep()}


def _expire(request_id: str) -> int:
    states = [UploadState.OPEN, UploadState.MISMATCHED]
    due = UploadSession.everyone.filter(state__in=states, expires_at__lte=db.now()).order_by("expires_at")[:_BATCH]
    return sum(_end_one(session, request_id) for session in due)


def _end_one(session: UploadSession, request_id: str) -> bool:
    actor = system(session.tenant_id, request_id)
    with db.atomic():
        fresh = UploadSession.of(session.tenant_id).filter(id=session.id, expires_at__lte=db.now()).first()
        return fresh is not None and sessions.end(actor, fresh, UploadState.EXPIRED, "upload expired")


def _orphans() -> int:
    """Remove folders older than an hour without a live upload; a crash between row and file leaves such."""
    root, removed = layout.uploads_dir(), 0
    if not root.is_dir():
        return 0
    for folder in root.glob("??/*"):
        try:
            upload_id, age_s = UUID(hex=folder.name), time.time() - os.stat(folder).st_mtime
        except (ValueError, FileNotFoundError):
            continue
        if age_s < _ORPHAN_AGE_S or UploadSession.everyone.filter(_NEEDED, id=upload_id).exists():
            continue
        disk.remove(upload_id)
        removed += 1
    return removed
