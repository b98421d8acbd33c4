"""The watched folder: NEXUS_HOME/export/<date>/candidates.json, each content taken once; files are never touched.

Writers rename a finished file into place; one that was changed in the last seconds is left for the next look. A bad
file is named in an audit entry, once.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import structlog
from django.conf import settings

from backfill.ingestion import planning, requests
from backfill.ingestion.candidates import CandidatesMalformed
from backfill.models import IngestRun, TakenFile
from tradenexus import actor as actors
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import ProblemError
from tradenexus.events import outbox
from tradenexus.tenancy.models import Tenant

log = structlog.get_logger(__name__)
JOB, EVERY_S = "backfill.watch", 60
NAME = "candidates.json"
_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}", re.ASCII)
_MOST_BYTES = 8 << 20
_QUIET_S = 3.0


def sweep(request_id: str) -> dict[str, int]:
    """Take the files that nobody took yet -> {taken, refused}.

    They belong to the workspace of NEXUS_INGEST_WORKSPACE, or to the only one.
    """
    counted = {"taken": 0, "refused": 0}
    found = list(_files(Path(settings.NEXUS_HOME) / "export"))
    tenant = _workspace() if found else None
    if found and tenant is None:
        log.warning("ingest.no_workspace", files=len(found), setting="NEXUS_INGEST_WORKSPACE")
    for path in found if tenant else ():
        assert tenant
        done = take(actors.system(tenant.id, request_id), path)
        if done is not None:
            counted["taken" if done.run_id else "refused"] += 1
    return counted


def take(actor: Actor, path: Path) -> TakenFile | None:
    """Hand in one file's candidates, or note why not; None when its content was looked at before, or not readable."""
    name = f"{path.parent.name}/{path.name}"
    data = _bytes(path)
    if data is None:
        return None
    row = TakenFile(tenant_id=actor.tenant_id, sha256=hashlib.sha256(data).hexdigest(), name=name[:200])
    if TakenFile.of(actor.tenant_id).filter(sha256=row.sha256).exists():
        return None
    with db.atomic():
        TakenFile.everyone.bulk_create([row], ignore_conflicts=True)
        if not TakenFile.of(actor.tenant_id).filter(id=row.id).exists():
            return None
        try:
            with db.atomic():
                row.run = _hand_in(actor, data, name)
        except ProblemError as refused:
            row.code = refused.code
            details = {"file": name, "code": refused.code, "message": refused.message, **refused.details}
            outbox.record(actor, "ingest.file_refused", row.ref, new="refused", reason=refused.message, details=details)
        row.save(update_fields=["run", "code"])
    return row


def _hand_in(actor: Actor, data: bytes, name: str) -> IngestRun:
    if len(data) > _MOST_BYTES:
        raise CandidatesMalformed(f"{name} is larger than {_MOST_BYTES >> 20} MiB")
    try:
        handed = json.loads(data)
    except (ValueError, RecursionError) as fault:
        raise CandidatesMalformed(f"{name} is not JSON: {str(fault)[:200]}") from fault
    return requests.request(actor, handed, planning.options({}), source=name)[0]


def _files(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        return
    for folder in sorted(root.iterdir()):
        if not _DATE.fullmatch(folder.name) or folder.is_symlink() or not (folder / NAME).exists():
            continue
        told = (folder / NAME).lstat()
        if stat.S_ISREG(told.st_mode) and time.time() - told.st_mtime >= _QUIET_S:
            yield folder / NAME


def _bytes(path: Path) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as fault:
        log.warning("ingest.file_unreadable", file=str(path), error=str(fault))
        return None
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read(_MOST_BYTES + 1)


def _workspace() -> Tenant | None:
    if settings.NEXUS_INGEST_WORKSPACE:
        return Tenant.objects.filter(name=settings.NEXUS_INGEST_WORKSPACE).first()
    known = list(Tenant.objects.order_by("created_at")[:2])
    return known[0] if len(known) == 1 else None
