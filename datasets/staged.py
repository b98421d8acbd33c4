"""What was found of an upload while it came in, kept in staging until a validation takes it over or it is dropped.

It is taken over only when the bytes are those that were read (SHA-256), when everything else that the answer depends
on is the same (`key`), and when its files have the digests they were written with. Otherwise the validation reads the
file as if nothing were here, and says why.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from datasets import versions
from datasets.engine.edition import edition
from datasets.models import DatasetVersion, ProvisionalScan, ScanState, Status, UploadSession
from datasets.models.upload import LIVE_STATES, UploadState
from datasets.storage import blobs, layout
from tradenexus import db, failpoints, ids
from tradenexus.jobs.models import Job, State

REUSED = "reused from provisional scan"
WAIT_MOST_S = 1800.0
_TICK_S = 0.2
_YOUNG_S = 3_600
_LIVING = (ScanState.FOLLOWING, ScanState.READY)
_WAITING = (Status.UPLOADED, Status.VALIDATING)  # for a validation


@dataclass
class Offer:
    """What a validation may take over: `found` as the child would answer it, None when it has to read the file itself;
    `note` says in words what became of it, empty when there was nothing."""

    scan: ProvisionalScan | None = None
    found: dict[str, Any] | None = None
    note: str = ""


def key(version: DatasetVersion, params: Mapping[str, Any]) -> str:
    """Return the digest of all that a validation depends on but the bytes: what is said of the file, and the code."""
    said = {name: params[name] for name in versions.READING if params.get(name)}
    more = {name: params.get(name) or None for name in ("thresholds", "calendar", "interval")}
    about = [version.filename, said, params.get("profile") or "standard", more, settings.NEXUS_COMPUTE, edition()]
    return hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()


def room(scan: ProvisionalScan) -> Path:
    """Return the folder that holds the scan's files."""
    return layout.staging_dir(scan.session_id) / scan.room


def keep(scan: ProvisionalScan, found: dict[str, Any]) -> bool:
    """Note, inside the transaction that ends the scan's job, what was found; False when it is not wanted any more."""
    folder = room(scan)
    rejects = {**found["rejects"], "sha256": blobs.digest_of(folder / Path(found["rejects"]["path"]).name)}
    kept = {name: found[name] for name in ("report", "rows", "interval", "plan")}
    kept |= {"files": [_named(file) for file in found["files"]], "rejects": _named(rejects)}
    rows = ProvisionalScan.of(scan.tenant_id).filter(id=scan.id, room=scan.room, state=ScanState.FOLLOWING)
    return bool(rows.update(state=ScanState.READY, found=kept, sha256=found["sha256"], updated_at=db.now()))


def _named(file: Mapping[str, Any]) -> dict[str, Any]:
    return {**file, "path": Path(file["path"]).name}


def drop(session: UploadSession, reason: str, job_ref: str = "") -> None:
    """Note, inside a transaction, that a scan is not used; of one job only when it is named. `clear` removes files."""
    rows = ProvisionalScan.of(session.tenant_id).filter(session=session, state__in=_LIVING)
    rows = rows.filter(job_ref=job_ref) if job_ref else rows
    rows.update(state=ScanState.DROPPED, reason=reason, found=None, updated_at=db.now())


def clear(upload_id: UUID) -> None:
    """Remove all that staging has of an upload."""
    shutil.rmtree(layout.staging_dir(upload_id), ignore_errors=True)


# --- the validation's side


def offer(run: Any, version: DatasetVersion, options: Mapping[str, Any]) -> Offer:
    """Return what may be taken over for a validation, after waiting for a scan that still reads on; its log says it."""
    scan = ProvisionalScan.of(version.tenant_id).filter(session__version=version).first()
    if scan is None or scan.state == ScanState.REUSED:
        return Offer()
    if scan.state == ScanState.DROPPED:
        return _refused(run, scan, scan.reason)
    if scan.key != key(version, options):
        return _refused(run, scan, "what was said of the file, or the program, is not the same any more")
    if room(scan).is_dir():  # not on another host, whose scan would be awaited in vain
        _await(run, scan)
    reason = _unusable(scan, version)
    if reason:
        return _refused(run, scan, reason)
    assert scan.found is not None
    run.log(f"{REUSED} {scan.job_ref}: same bytes, same settings, same program")
    return Offer(scan, _placed(scan, scan.found), REUSED)


def settle(given: Offer) -> None:
    """Note, inside the validation's transaction, that it took the scan over."""
    if given.scan is not None and given.found is not None:
        rows = ProvisionalScan.of(given.scan.tenant_id).filter(id=given.scan.id)
        rows.update(state=ScanState.REUSED, found=None, updated_at=db.now())


def leave(given: Offer) -> None:
    """Remove the files of a scan after the validation's transaction; a sweep does it when we are killed before."""
    if given.scan is not None:
        failpoints.hit("follow.settled")
        clear(given.scan.session_id)


def _await(run: Any, scan: ProvisionalScan) -> None:
    """Wait for the scan as long as somebody runs it: it is ahead of one that would begin now."""
    job_id, deadline = ids.decode(Job.prefix, scan.job_ref), time.monotonic() + WAIT_MOST_S
    while scan.state == ScanState.FOLLOWING and time.monotonic() < deadline:
        job = Job.of(scan.tenant_id).filter(id=job_id, state=State.RUNNING).first()
        scan.refresh_from_db()
        if job is None:
            return
        run.progress("waiting for what already reads", job.progress.get("done"), job.progress.get("total"))
        run.check()
        time.sleep(_TICK_S)


def _unusable(scan: ProvisionalScan, version: DatasetVersion) -> str:
    if not room(scan).is_dir():
        return scan.reason or "its files are not here"
    if scan.state != ScanState.READY or scan.found is None:
        return scan.reason or "it was cut short"
    if scan.sha256 != version.sha256:
        return "the bytes are not those that were read: some were sent again"
    try:
        files = [*scan.found["files"], scan.found["rejects"]]
        sound = all(blobs.digest_of(room(scan) / file["path"]) == file["sha256"] for file in files)
    except FileNotFoundError:
        return "its files are not here"
    return "" if sound else "its files are damaged"


def _refused(run: Any, scan: ProvisionalScan, reason: str) -> Offer:
    run.log(f"not reused: {reason}")
    with run.effect():
        drop(scan.session, reason)
    return Offer(scan, None, f"not reused: {reason}")


def _placed(scan: ProvisionalScan, found: dict[str, Any]) -> dict[str, Any]:
    folder = room(scan)
    files = [{**file, "path": str(folder / file["path"])} for file in found["files"]]
    return {**found, "files": files, "rejects": {**found["rejects"], "path": str(folder / found["rejects"]["path"])}}


# --- the sweep


def sweep() -> int:
    """Remove what no validation will take over any more; return of how many uploads."""
    root, removed = layout.staging_root(), 0
    for folder in root.glob("??/*") if root.is_dir() else ():
        with suppress(ValueError, FileNotFoundError):
            upload_id, age_s = UUID(hex=folder.name), time.time() - folder.stat().st_mtime
            if age_s >= _YOUNG_S and not _wanted(upload_id):
                clear(upload_id)
                removed += 1
    return removed


def _wanted(upload_id: UUID) -> bool:
    scan = ProvisionalScan.everyone.filter(session_id=upload_id).select_related("session__version").first()
    if scan is None or scan.state not in _LIVING:
        return False
    if scan.state == ScanState.FOLLOWING:
        return Job.everyone.filter(id=ids.decode(Job.prefix, scan.job_ref), state=State.RUNNING).exists()
    session = scan.session
    coming = session.state in LIVE_STATES
    waits = session.state == UploadState.FINISHED and session.target.status in _WAITING
    young = scan.updated_at > db.now() - timedelta(seconds=settings.NEXUS_UPLOAD_EXPIRY_S)
    if (coming or waits) and young:
        return True
    with db.atomic():
        drop(session, "nobody validated the version in time")
    return False
