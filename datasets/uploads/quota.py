"""Room on the tenant's row: taken before bytes come, given back by the transaction that ends the upload.

A declared length is taken whole at creation. Without one, room is taken as bytes come, in steps of a leaf.
"""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from django.conf import settings
from django.db.models import F, Value
from django.db.models.functions import Coalesce

from datasets.models.upload import LIVE_STATES, UploadSession, UploadState
from datasets.uploads import ledger
from datasets.uploads.errors import OffsetConflict, QuotaExceeded, TooManyUploads
from tradenexus import db
from tradenexus.tenancy.models import Tenant


def reserve(tenant_id: UUID, size_bytes: int) -> None:
    """Take room, or give it back (below zero); QuotaExceeded. The row stays locked to the transaction's end."""
    row = Tenant.objects.filter(id=tenant_id)
    quota = Coalesce(F("quota_bytes"), Value(settings.NEXUS_TENANT_QUOTA_BYTES))
    fitting = row.filter(reserved_bytes__lte=quota - size_bytes) if size_bytes > 0 else row
    if not fitting.update(reserved_bytes=F("reserved_bytes") + size_bytes):
        held = row.values("reserved_bytes", "quota_bytes").get()
        limit = held["quota_bytes"] or settings.NEXUS_TENANT_QUOTA_BYTES
        raise QuotaExceeded(
            "The workspace's storage quota would be passed.",
            {"quotaBytes": limit, "heldBytes": held["reserved_bytes"], "askedBytes": size_bytes},
        )


def refuse_too_many(tenant_id: UUID) -> None:
    """Raise TooManyUploads when no further one may be open; exact after `reserve`, which holds the tenant's row."""
    limit = settings.NEXUS_TENANT_OPEN_UPLOADS
    if UploadSession.of(tenant_id).filter(state__in=LIVE_STATES).count() >= limit:
        raise TooManyUploads(f"{limit} uploads are open in this workspace.", {"maxOpenUploads": limit})


def release(session: UploadSession) -> None:
    """Give the session's reserved bytes back to the tenant; once, by the transaction that ends the session."""
    held = UploadSession.of(session.tenant_id).values_list("reserved_bytes", flat=True).get(id=session.id)
    shift(session.tenant_id, -held)


def shift(tenant_id: UUID, size_bytes: int) -> None:
    """Count bytes in or out whatever the quota says: they were let in before."""
    Tenant.objects.filter(id=tenant_id).update(reserved_bytes=F("reserved_bytes") + size_bytes)


def grow(session: UploadSession, upto: int) -> bool:
    """Take room up to the byte `upto` for an upload of unknown length; True when some was taken. QuotaExceeded."""
    if session.length is not None or upto <= session.reserved_bytes:
        return False
    leaves = -(-upto // ledger.LEAF_BYTES) * ledger.LEAF_BYTES
    with suppress(QuotaExceeded):
        _take(session, min(leaves, settings.NEXUS_MAX_UPLOAD_BYTES))
        return True
    _take(session, upto)
    return True


def _take(session: UploadSession, upto: int) -> None:
    with db.atomic():
        rows = UploadSession.of(session.tenant_id).filter(id=session.id, state=UploadState.OPEN, length=None)
        if not rows.filter(reserved_bytes=session.reserved_bytes).update(reserved_bytes=upto):
            raise OffsetConflict("The upload was changed by another request.", {"length": None})
        reserve(session.tenant_id, upto - session.reserved_bytes)
    session.reserved_bytes = upto
