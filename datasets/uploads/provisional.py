"""Asks for a look at the first bytes of an upload while the others still come in, at a few marks; see `checking`.

A look takes a process of its own for about a second. Of a body that is over before that nobody would read the report,
and looking would take the processor from the bytes.

After the look before the last a validation of the whole file begins, which reads on as the bytes come (`following`).

Formats whose first bytes mean nothing without their last ones (Parquet, Arrow), partial uploads, and uploads whose
bytes go on into a bucket are not looked at.
"""

from __future__ import annotations

from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError

from datasets.models import ProvisionalScan, ScanState
from datasets.models.upload import UploadSession
from datasets.uploads import parts
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.jobs import queue

log = structlog.get_logger(__name__)
JOB = "upload.check"
FOLLOW = "upload.follow"
SHARES = (0.1, 0.3, 0.6)
REPORT_S = 2.0  # about what passes from a mark to its report where a worker is free
_FOLLOW_SHARE = 16  # of NEXUS_PROVISIONAL_BYTES: what is smaller (64 MiB) is validated in a moment anyway


def marks(length: int | None) -> list[int]:
    """Return at how many bytes an upload of this length is looked at; a length of None is one not yet told.

    A tenth, three tenths and six tenths of it; of a large one a quarter of NEXUS_PROVISIONAL_BYTES and all of it. Below
    a 64th of that (16 MiB) the upload is over before its report is there.
    """
    most = settings.NEXUS_PROVISIONAL_BYTES
    if length is None or length * SHARES[-1] > most:
        chosen = [most // 4, most]
    else:
        chosen = [int(length * share) for share in SHARES]
    return [mark for mark in chosen if mark >= max(1, most // 64)]


def too_late(session: UploadSession, received: int, since_s: float) -> bool:
    """Tell whether a body that brought `received` bytes in `since_s` seconds is over before a report could be there.

    Never of a length that is not told yet.
    """
    return session.length is not None and (session.length - session.offset) * since_s < REPORT_S * received


def follows(session: UploadSession) -> bool:
    """Tell whether an upload is large enough to be validated to its end while it comes in, and this host does that."""
    wanted = settings.NEXUS_FOLLOW_WAIT_S > 0 and settings.NEXUS_COMPUTE == "local" and bool(session.filename)
    return wanted and (session.length is None or session.length >= settings.NEXUS_PROVISIONAL_BYTES // _FOLLOW_SHARE)


def follow_from(session: UploadSession, looked_at: list[int]) -> int:
    """Return from which of the marks on an upload is followed: before the last, whose look the scan then takes the
    place of; of one that is to be stopped early from the last, because only looks tell that it is hopeless."""
    last = session.version is not None and bool(session.version.params.get("abortEarly"))
    return looked_at[-1] if last else looked_at[-2:][0]


def ask(session: UploadSession, before: int) -> None:
    """Start a look at an upload whose durable offset moved over a mark; what goes wrong here never stops the bytes."""
    looked_at = marks(session.length)
    passed = [mark for mark in looked_at if before < mark <= session.offset]
    if not passed or session.version_id is None or session.is_whole or parts.step(session):
        return
    # The owner of the upload asks; there is no request any more when a long body is still coming in.
    actor = Actor(tenant_id=session.tenant_id, user_id=session.user_id, request_id=session.ref)
    params: dict[str, Any] = {"uploadId": session.ref}
    try:
        if ProvisionalScan.of(session.tenant_id).filter(session=session, state=ScanState.FOLLOWING).exists():
            return  # all of it is being read
        with db.atomic():
            told = params | {"bytes": passed[-1]}
            queue.submit(actor, JOB, told, subject=session.ref, dedupe=f"check {session.ref}", priority=-5)
            if follows(session) and passed[-1] >= follow_from(session, looked_at):
                queue.submit(actor, FOLLOW, params, subject=session.ref, dedupe=f"follow {session.ref}", priority=-6)
    except DatabaseError:
        log.warning("upload_check_not_asked", upload=session.ref, exc_info=True)
