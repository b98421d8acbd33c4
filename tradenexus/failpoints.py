"""Named places where a test may kill this process as a power cut would: NEXUS_FAIL_AT=name or name:3 (the third pass).

The variable is read once, at import; production mode ignores it. The places, in the order in which work passes them:

    an upload opens      uploads.created uploads.declaring
    bytes become durable uploads.written uploads.synced uploads.recorded (for a damaged part: uploads.forgotten
                         uploads.part_written uploads.part_synced)
    parts are joined     join.copied join.synced join.recorded
    parts go to a bucket uploads.shipment_begun uploads.part_sent uploads.part_recorded
    a job                jobs.claimed jobs.heartbeat jobs.handled
    a job's transaction  jobs.effect (before its commit) jobs.effect_committed: of ingest, validation, candles, fixes,
                         and each step of a publication
    ingestion            ingestion.landed ingestion.committed
    repair of gaps       repair.detected repair.landed repair.committed repair.absent
    ingest               ingest.verified ingest.stored ingest.committed
    an upload is followed follow.scanned (before it is kept) follow.settled (taken over, its staging still there)
    a fix                fix.stored fix.sealed fix.committed
    the lake is changed  lake.segment_put lake.stored lake.swapping lake.swapped
    a snapshot's files   snapshots.file_placed snapshots.placed snapshots.cleared snapshots.matrix_stored
    an export is built   exports.planned exports.collected exports.manifest exports.renamed exports.shown
    a feature is built   features.stored (its coverage, before the row)
    a large diff         diff.part_kept diff.stored
    garbage collection   gc.revisions gc.diff_deleted gc.retired gc.row_deleted gc.blob_deleted gc.orphan_deleted
    the scrub            scrub.marked scrub.file_marked (before their commits)
    a backup             backup.blobs backup.written backup.named
    a restore            restore.blob restore.database
    a file is put        storage.begun storage.synced storage.linked storage.put
"""

from __future__ import annotations

import os
import signal

_armed, _, _nth = os.environ.get("NEXUS_FAIL_AT", "").partition(":")
if os.environ.get("NEXUS_ENV") == "production":
    _armed = ""
_left = int(_nth) if _nth.isdigit() else 1


def hit(name: str) -> None:
    """Kill this process with SIGKILL when the named place is the armed one and its count is reached, and say so."""
    global _left
    if name != _armed:
        return
    _left -= 1
    if _left <= 0:
        os.write(2, f"NEXUS_FAIL_AT: killed at {name}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)
