"""The job `upload.follow`: validates an upload up to its end while it comes in, for the validation to take over.

It begins at a mark (`provisional.follow_from`) and reads on as the offset moves. It gives its place up when no bytes
come, when other work waits, and when the disk fills; once all bytes are here it does what the validation would do, and
stays. What it finds lies in staging and counts for nothing until `staged` has compared bytes, settings and program.
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings

from datasets import staged
from datasets.engine import children, handover
from datasets.formats import tide
from datasets.models import ProvisionalScan, ScanState, UploadSession
from datasets.models.upload import UploadState
from datasets.uploads import disk, provisional, sessions
from datasets.versions import READING
from tradenexus import db, failpoints, ids
from tradenexus.actor import Actor
from tradenexus.errors import ProblemError
from tradenexus.jobs import queue

LEAST_FREE_BYTES = 1 << 30
WAITING_S = 1.0  # other work that has been due for so long is not kept waiting
MOST_S = 4 * 3_600.0
_GONE = (UploadState.TERMINATED, UploadState.EXPIRED)


def run_job(run: Any) -> dict[str, Any]:
    """Follow one upload to its end; what was found is kept in one fenced transaction."""
    session = sessions.find(run.actor, ids.decode(UploadSession.prefix, run.params["uploadId"]))
    if pointless := _pointless(session):
        return _left(run, session, None, pointless)
    scan = _begin(run, session)
    folder = staged.room(scan)
    kept = False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = _read(run, session, scan, folder)
        if isinstance(found, str):
            return _left(run, session, scan, found)
        failpoints.hit("follow.scanned")
        result, kept = _keep(run, session, scan, found)
        return result
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                folder.parent.rmdir()


def _pointless(session: UploadSession) -> str:
    """Return why nothing is gained by following an upload, "" when something may be."""
    since_s = (db.now() - session.created_at).total_seconds()
    if not session.takes_bytes or session.is_whole or provisional.too_late(session, session.offset, since_s):
        return "the upload is over too soon"
    if _free_bytes() < LEAST_FREE_BYTES + (session.length or session.offset):
        return "there is little room left on the disk"
    if ProvisionalScan.of(session.tenant_id).filter(session=session, state=ScanState.READY).exists():
        return "it was read before"
    return ""


def _free_bytes() -> int:
    return shutil.disk_usage(settings.NEXUS_HOME).free


def _begin(run: Any, session: UploadSession) -> ProvisionalScan:
    with run.effect():
        scan, _ = ProvisionalScan.everyone.update_or_create(
            session=session,
            defaults={
                "tenant_id": session.tenant_id,
                "state": ScanState.FOLLOWING,
                "key": staged.key(session.target, session.target.params),
                "room": f"{run.job.ref}-{run.token}",
                "sha256": "",
                "found": None,
                "reason": "",
                "job_ref": run.job.ref,
            },
        )
    return scan


def _read(run: Any, session: UploadSession, scan: ProvisionalScan, folder: Path) -> dict[str, Any] | str:
    """Return what the child found, or why it did not come to an end."""
    said = session.target.params
    watch = _Watch(run, scan)
    try:
        watch.look()
        found = children.run(
            "datasets.quality.reading:follow",
            {
                "raw": handover.reads(disk.data_path(session.id)),
                "tide": handover.reads(watch.tide),
                "size": session.length,
                "filename": session.target.filename,
                "overrides": {name: said[name] for name in READING if said.get(name)},
                "profile": said.get("profile") or "standard",
                "thresholds": said.get("thresholds") or {},
                "calendar": said.get("calendar"),
                "interval": said.get("interval"),
                "out_dir": handover.writes(folder),
            },
            limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES, wall_s=_most_s()),
            on_message=lambda told: _tell(run, told),
            cancelled=watch,
        )
    except (children.ChildCancelled, FileNotFoundError):
        run.check()
        return watch.reason or "the upload has ended"
    except children.ChildFailed as fault:
        return f"{fault.code}: {fault.message}"
    return str(found["unfit"]) if "unfit" in found else dict(found)


def _most_s() -> float:
    return min(MOST_S, settings.NEXUS_JOB_LIMIT_S / 2)


def _tell(run: Any, told: dict[str, Any]) -> None:
    if "phase" in told:
        run.progress(told["phase"], told.get("done"), told.get("total"), told.get("unit", "bytes"))


class _Watch:
    """Tells the child how far it may read, and asks, twice a second, whether it should go on: `reason` says why not."""

    def __init__(self, run: Any, scan: ProvisionalScan):
        self._run = run
        self._rows = ProvisionalScan.of(scan.tenant_id).filter(id=scan.id, room=scan.room)
        self.tide, self.reason = run.work_dir() / "tide", ""
        self._offset, self._moved_at = -1, time.monotonic()

    def __call__(self) -> bool:
        return bool(self._run.cancelled()) or self.look()

    def look(self) -> bool:
        """Write the offset down for the child; tell whether it should stop."""
        row = self._rows.values_list("state", "session__offset", "session__length", "session__state").first()
        if row is None or row[0] != ScanState.FOLLOWING or row[3] in _GONE:
            self.reason = "the upload has ended, or it is not wanted any more"
            return True
        offset, whole = row[1], row[1] == row[2]
        tide.tell(self.tide, offset, ends=whole)
        if offset != self._offset:
            self._offset, self._moved_at = offset, time.monotonic()
        self.reason = "" if whole else self._standing()
        return bool(self.reason)

    def _standing(self) -> str:
        """Return why a place is not to be held any longer for bytes that have still to come."""
        if time.monotonic() - self._moved_at > settings.NEXUS_FOLLOW_WAIT_S:
            return f"no bytes came for {settings.NEXUS_FOLLOW_WAIT_S} s"
        if queue.pressed(WAITING_S):
            return "other work waited for its place"
        return "the disk is nearly full" if _free_bytes() < LEAST_FREE_BYTES else ""


def _keep(
    run: Any, session: UploadSession, scan: ProvisionalScan, found: dict[str, Any]
) -> tuple[dict[str, Any], bool]:
    told = {"uploadId": session.ref, "state": ScanState.READY.value, "coveredBytes": found["sizeBytes"]}
    run.log(f"all {found['sizeBytes']:,} bytes were read: {found['report']['summary']}")
    with run.effect() as effect:
        kept = staged.keep(scan, found)
        if not kept:
            told |= {"state": ScanState.DROPPED.value, "reason": "it is not wanted any more"}
        effect.finish(told)
    return told, kept


def _left(run: Any, session: UploadSession, scan: ProvisionalScan | None, reason: str) -> dict[str, Any]:
    run.log(f"not kept: {reason}")
    told = {"uploadId": session.ref, "state": ScanState.DROPPED.value, "reason": reason}
    with run.effect() as effect:
        if scan is not None:
            staged.drop(session, reason, run.job.ref)
        effect.finish(told)
    return told


def failed(run_or_job: Any, actor: Actor, error: ProblemError, outcome: str) -> None:
    """Note that a scan whose job ended otherwise has come to nothing."""
    job = getattr(run_or_job, "job", run_or_job)
    session = sessions.find(actor, ids.decode(UploadSession.prefix, job.params["uploadId"]))
    staged.drop(session, f"it was cut short: {outcome}", job.ref)
