"""Reading a snapshot again: every segment against its digest, and the list of members against the manifest's.

Nothing is mended. The verdict goes to the snapshot, the audit trail and the job's result.
"""

from __future__ import annotations

from typing import Any

from datasets.lake import frozen
from datasets.models import LakeSegment, Snapshot
from datasets.storage import blobs, manifests
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import ProblemError
from tradenexus.events import outbox
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job
from tradenexus.rest.views import find

JOB = "snapshot.verify"
BEHIND_USERS = -5  # priority: what people wait for goes first


class SnapshotDamaged(ProblemError):
    """Members of this snapshot are missing or are no longer the bytes that were frozen; `details.damaged` names them.
    Restore these segments from a backup; until then a run on the snapshot is not what it was."""

    code = "SNAPSHOT_DAMAGED"


def request(actor: Actor, snapshot: Snapshot) -> Job:
    """Start reading all members again, inside `db.atomic()`; a check that waits or runs is joined."""
    frozen.standing(snapshot)
    params = {"snapshotId": snapshot.ref}
    return queue.submit(actor, JOB, params, subject=snapshot.ref, dedupe=snapshot.ref, priority=BEHIND_USERS)


def run_job(run: Any) -> dict[str, Any]:
    """Check one snapshot; SnapshotDamaged when anything differs, after that was recorded."""
    snapshot = find(run.actor, Snapshot, run.params["snapshotId"])
    try:
        manifest, listed = frozen.manifest_of(snapshot), ""
    except manifests.ManifestDamaged as fault:
        manifest, listed = {}, fault.message
    segments = [segment for each in frozen.entries_of(snapshot) for segment in each.segments]
    damaged = _look(run, segments)
    if not manifest:
        damaged.append({"segment": "", "sha256": snapshot.digest, "fault": listed})
    result = {
        "segments": len(segments),
        "bytes": sum(segment.size_bytes for segment in segments),
        "digest": snapshot.digest,
        "damaged": damaged,
    }
    verdict = "damaged" if damaged else "intact"
    with run.effect() as effect:
        Snapshot.of(snapshot.tenant_id).filter(id=snapshot.id).update(verified_at=db.now(), damaged=len(damaged))
        if not damaged:
            effect.finish(result)
        outbox.record(
            run.actor, "snapshot.verified", snapshot.ref, new=verdict, details=result, data={"verdict": verdict}
        )
    if damaged:
        raise SnapshotDamaged(f"{len(damaged)} of {len(segments)} members of {snapshot.name!r} differ", result)
    return result


def _look(run: Any, segments: list[LakeSegment]) -> list[dict[str, str]]:
    total, done, damaged = sum(segment.size_bytes for segment in segments), 0, []
    for segment in segments:
        run.check()
        if not blobs.verify(blobs.Blob(segment.key, segment.size_bytes, segment.sha256)):
            fault = "other bytes (SHA-256 differs)" if blobs.exists(segment.key) else "missing"
            run.log(f"{segment}: {fault}", "error")
            damaged.append({"segment": segment.ref, "sha256": segment.sha256, "member": str(segment), "fault": fault})
        done += segment.size_bytes
        run.progress("reading", done, total)
    return damaged
