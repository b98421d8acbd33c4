"""How long a snapshot stays: pinned for good, until its day, or until somebody lets it go.

Expiring lets the segments go and leaves name and digest; its files are removed afterwards, by the sweep, which a kill
in between only delays.
"""

from __future__ import annotations

import shutil
from datetime import datetime

from datasets.models import ReturnsMatrix, Snapshot, SnapshotMember, SnapshotState
from datasets.storage import blobs, layout
from tradenexus import db, failpoints
from tradenexus.actor import Actor, system
from tradenexus.errors import Conflict
from tradenexus.events import outbox

SWEEP = "snapshot.sweep"
EVERY_S = 900.0
_BATCH = 200


class SnapshotPinned(Conflict):
    """The snapshot is pinned, so it does not expire. Unpin it first."""

    code = "SNAPSHOT_PINNED"


def pin(actor: Actor, snapshot: Snapshot, pinned: bool, reason: str = "") -> Snapshot:
    """Pin or unpin a snapshot, inside `db.atomic()`; again is no error. Conflict when it has expired."""
    rows = Snapshot.of(actor.tenant_id).filter(id=snapshot.id, state=SnapshotState.FROZEN)
    if not rows.update(pinned=pinned):
        raise Conflict(f"the snapshot {snapshot.name!r} has expired", {"state": SnapshotState.EXPIRED.value})
    if snapshot.pinned != pinned:
        words = ("unpinned", "pinned")
        outbox.record(
            actor, f"snapshot.{words[pinned]}", snapshot.ref, old=words[not pinned], new=words[pinned], reason=reason
        )
    snapshot.pinned = pinned
    return snapshot


def expire(actor: Actor, snapshot: Snapshot, reason: str = "") -> Snapshot:
    """Let a snapshot's segments go, inside `db.atomic()`; again is no error. SnapshotPinned when it is."""
    if not _end(actor, snapshot, reason):
        snapshot.refresh_from_db()
        if snapshot.pinned:
            raise SnapshotPinned(f"the snapshot {snapshot.name!r} is pinned", {"snapshotId": snapshot.ref})
    snapshot.refresh_from_db()
    return snapshot


def sweep(request_id: str) -> dict[str, int]:
    """Expire what is due and not pinned, and remove the files of what has expired."""
    due = Snapshot.everyone.filter(state=SnapshotState.FROZEN, pinned=False, expires_at__lte=db.now())
    expired = 0
    for snapshot in due.order_by("expires_at")[:_BATCH]:
        with db.atomic():
            expired += _end(system(snapshot.tenant_id, request_id), snapshot, "its time is over", due_by=db.now())
    gone = Snapshot.everyone.filter(state=SnapshotState.EXPIRED, cleared_at=None)[:_BATCH]
    return {"expired": expired, "cleared": sum(_clear(snapshot) for snapshot in gone)}


def _end(actor: Actor, snapshot: Snapshot, reason: str, due_by: datetime | None = None) -> bool:
    rows = Snapshot.of(snapshot.tenant_id).filter(id=snapshot.id, state=SnapshotState.FROZEN, pinned=False)
    if due_by is not None:
        rows = rows.filter(expires_at__lte=due_by)
    if not rows.update(state=SnapshotState.EXPIRED):
        return False
    SnapshotMember.objects.filter(snapshot=snapshot).delete()
    told = {"name": snapshot.name, "digest": snapshot.digest}
    outbox.record(actor, "snapshot.expired", snapshot.ref, old="frozen", new="expired", reason=reason, details=told)
    return True


def _clear(snapshot: Snapshot) -> bool:
    folder = layout.snapshot_dir(snapshot.id)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        return False  # tried again with the next sweep
    for matrix in ReturnsMatrix.of(snapshot.tenant_id).filter(snapshot=snapshot).exclude(key=""):
        blobs.delete(matrix.key)
    failpoints.hit("snapshots.cleared")
    with db.atomic():
        ReturnsMatrix.of(snapshot.tenant_id).filter(snapshot=snapshot).update(key="")
        return bool(Snapshot.everyone.filter(id=snapshot.id, cleared_at=None).update(cleared_at=db.now()))
