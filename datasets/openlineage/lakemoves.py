"""Jobs of the lake and of what is made of it: promotion, release, features, snapshots, returns, exports.

What a job committed is found by its commits; which revision of an input a feature was made of stands in their keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from datasets.models import (
    DatasetVersion,
    ExportBundle,
    LakeCommit,
    LakeEntry,
    LakeQuarantine,
    LakeRevision,
    ReturnsMatrix,
    Snapshot,
    SnapshotMember,
)
from datasets.openlineage import named
from datasets.openlineage.named import Part
from tradenexus import db, ids
from tradenexus.jobs.models import Job, State
from tradenexus.openlineage.facets import Moved, Set

ACTIONS = "corporate_actions"
_LATE = timedelta(minutes=5)  # clocks of hosts and of the database differ


def promote(tenant_id: UUID, job: Job) -> Moved:
    """Rows of a version entered the lake."""
    row = _found(tenant_id, job, DatasetVersion, "versionId", "dataset")
    return Moved([named.version(row)] if row else [], committed(tenant_id, job))


def release(tenant_id: UUID, job: Job) -> Moved:
    """Refused rows entered the lake."""
    row = _found(tenant_id, job, LakeQuarantine, "quarantineId", "entry")
    return Moved([named.quarantine(row)] if row else [], committed(tenant_id, job))


def split(tenant_id: UUID, job: Job) -> Moved:
    """A suspected split of an entry was recorded, by what other vendors' series say of it."""
    entry = _found(tenant_id, job, LakeEntry, "entryId")
    basis = commits(tenant_id, job).values_list("summary", flat=True).first()
    if entry is None or basis is None:
        return Moved(named.lake(tenant_id, [named.part_of(entry, entry.revision)] if entry else []), [])
    told = basis["split"]
    parts, inputs = [named.part_of(entry, told["entryRevision"])], []
    for each in told["evidence"]:
        kind, _, _ = each["source"].partition("_")
        if kind == DatasetVersion.prefix:
            found = DatasetVersion.of(tenant_id).filter(id=ids.decode(kind, each["source"])).select_related("dataset")
            inputs += [named.version(row) for row in found]
        elif kind == LakeQuarantine.prefix:
            held = LakeQuarantine.of(tenant_id).filter(id=ids.decode(kind, each["source"])).select_related("entry")
            inputs += [named.quarantine(row) for row in held]
        else:
            other = LakeEntry.of(tenant_id).filter(id=ids.decode(LakeEntry.prefix, each["source"]))
            parts += [named.part_of(row, each["revision"]) for row in other]
    return Moved([*named.lake(tenant_id, parts), *inputs], committed(tenant_id, job))


def feature(tenant_id: UUID, job: Job) -> Moved:
    """A feature was computed of bars, and of corporate actions where there were some."""
    read: dict[str, tuple[int, int]] = {}
    for key in commits(tenant_id, job).values_list("key", flat=True):
        _, _, _, source, revisions = key.split(":")[:5]
        bars, actions = revisions.split(".")
        read[source] = (int(bars), int(actions))
    keys = [ids.decode(LakeEntry.prefix, ref) for ref in read]
    parts = []
    for entry in LakeEntry.of(tenant_id).filter(id__in=keys):
        bars_at, actions_at = read[entry.ref]
        parts.append(named.part_of(entry, bars_at))
        if actions_at:
            parts.append(Part(ACTIONS, entry.instrument, actions_at))
    return Moved(named.lake(tenant_id, parts), committed(tenant_id, job))


def freeze(tenant_id: UUID, ref: str) -> Moved | None:
    """Entries of the lake, each at its revision, became a snapshot."""
    row = Snapshot.of(tenant_id).filter(id=ids.decode(Snapshot.prefix, ref)).first()
    if row is None:
        return None
    # The rows a snapshot counts are those of whole segments, more than its range holds: they are not told.
    return Moved(named.lake(tenant_id, members(row)), [named.snapshot(row, files=row.segments)])


def materialise(tenant_id: UUID, job: Job) -> Moved:
    """A snapshot was put down as files."""
    row = _found(tenant_id, job, Snapshot, "snapshotId")
    if row is None:
        return Moved()
    place = "/".join(filter(None, ["files", job.params["layout"], job.params.get("folder")]))
    outputs = []
    if job.state == State.SUCCEEDED and (made := job.result):
        known = {"version": made["manifestSha256"], "size_bytes": made["bytes"], "files": made["files"]}
        outputs.append(named.here(row.tenant_id, f"snapshots/{row.ref}/{place}", **known))
    return Moved([named.snapshot(row)], outputs)


def returns(tenant_id: UUID, job: Job) -> Moved:
    """Daily returns were made of a snapshot."""
    row = _found(tenant_id, job, ReturnsMatrix, "matrixId", "snapshot")
    if row is None:
        return Moved()
    outputs = []
    if job.state == State.SUCCEEDED and (made := job.result):
        known = {"version": made["sha256"], "rows": made["days"], "size_bytes": made["bytes"], "files": 1}
        outputs.append(named.here(row.tenant_id, f"snapshots/{row.snapshot.ref}/returns/{row.ref}", **known))
    return Moved([named.snapshot(row.snapshot)], outputs)


def export(tenant_id: UUID, job: Job) -> Moved:
    """Tables of the lake became a bundle. Which tables is known as long as the bundle is of this job."""
    row = _found(tenant_id, job, ExportBundle, "exportId")
    if row is None:
        return Moved()
    own = row.job_ref == job.ref and job.state == State.SUCCEEDED
    outputs = []
    if job.state == State.SUCCEEDED and (made := job.result):
        known = {"version": made["manifestSha256"], "rows": made["rows"], "files": made["files"]}
        size = row.size_bytes if own else None
        outputs.append(named.here(row.tenant_id, f"exports/{row.ref}", size_bytes=size, **known))
    return Moved(named.lake_tables(row.tenant_id, row.summary if own else []), outputs)


def commits(tenant_id: UUID, job: Job) -> Any:
    """Return the commits that a job made."""
    until = (job.finished_at or db.now()) + _LATE
    rows = LakeCommit.of(tenant_id).filter(created_at__gte=job.created_at - _LATE, created_at__lte=until)
    return rows.filter(job_ref=job.ref)


def committed(tenant_id: UUID, job: Job) -> list[Set]:
    """Return the entries that a job's commits changed, each at the newest revision it made, with the rows it wrote."""
    rows = LakeRevision.objects.filter(commit__in=list(commits(tenant_id, job))).select_related("entry")
    found: dict[UUID, Part] = {}
    for row in rows.order_by("number"):
        written = row.changes.get("added", 0) + row.changes.get("replaced", 0)
        before = found.get(row.entry_id)
        found[row.entry_id] = named.part_of(row.entry, row.number, written + ((before and before.rows) or 0))
    return named.lake(tenant_id, found.values())


def members(row: Snapshot) -> Iterable[Part]:
    """Return the entries of a snapshot, each once."""
    rows = SnapshotMember.objects.filter(snapshot=row).order_by("entry__table", "entry__instrument")
    told = rows.values_list("entry__table", "entry__instrument", "revision").distinct()
    return [Part(*each) for each in told]


def _found(tenant_id: UUID, job: Job, model: Any, name: str, *related: str) -> Any:
    rows = model.of(tenant_id).filter(id=ids.decode(model.prefix, job.params[name]))
    return (rows.select_related(*related) if related else rows).first()
