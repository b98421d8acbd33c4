"""Jobs of the lake and of what is made of it: promotion, release, features, snapshots, returns, exports.

Many are told of at once, {job's id: what it moved}, by a few queries. What a job committed is found by its commits;
which revision of an input a feature was made of stands in their keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from uuid import UUID

from django.db.models import Count

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
    SnapshotState,
)
from datasets.openlineage import named
from datasets.openlineage.named import Part
from tradenexus import db, ids
from tradenexus.jobs.models import Job, State
from tradenexus.openlineage.facets import Moved, Set

ACTIONS = "corporate_actions"
_LATE = timedelta(minutes=5)  # clocks of hosts and of the database differ
_AT_ONCE = 20_000
_REVISION = (
    *("commit_id", "entry_id", "number", "entry__table", "entry__instrument"),
    *("changes__added", "changes__replaced"),
)


def promote(tenant_id: UUID, jobs: list[Job]) -> dict[str, Moved]:
    """Rows of a version entered the lake."""
    known = named.subjects(DatasetVersion.of(tenant_id).select_related("dataset"), jobs, "versionId")
    return {
        ref: Moved([named.version(known[ref])] if ref in known else [], outputs)
        for ref, outputs in committed(tenant_id, jobs).items()
    }


def release(tenant_id: UUID, jobs: list[Job]) -> dict[str, Moved]:
    """Refused rows entered the lake."""
    known = named.subjects(LakeQuarantine.of(tenant_id).select_related("entry"), jobs, "quarantineId")
    return {
        ref: Moved([named.quarantine(known[ref])] if ref in known else [], outputs)
        for ref, outputs in committed(tenant_id, jobs).items()
    }


def split(tenant_id: UUID, jobs: list[Job]) -> dict[str, Moved]:
    """Suspected splits of entries were recorded, by what other vendors' series say of them."""
    outputs = committed(tenant_id, jobs)
    return {job.ref: Moved(_basis(tenant_id, job), outputs.get(job.ref, [])) for job in jobs}


def _basis(tenant_id: UUID, job: Job) -> list[Set]:
    """Return the entry of a suspected split, and what it was judged by."""
    entry = named.subjects(LakeEntry.of(tenant_id), [job], "entryId").get(job.ref)
    keys = commits(tenant_id, [job]).get(job.ref, set())
    basis = LakeCommit.of(tenant_id).filter(id__in=keys).values_list("summary", flat=True).first()
    if entry is None or basis is None:
        return named.lake(tenant_id, [named.part_of(entry, entry.revision)] if entry else [])
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
    return [*named.lake(tenant_id, parts), *inputs]


def feature(tenant_id: UUID, jobs: list[Job]) -> dict[str, Moved]:
    """A feature was computed of bars, and of corporate actions where there were some."""
    made = commits(tenant_id, jobs)
    told: dict[str, Moved] = {}
    for some in _parted({ref: len(keys) for ref, keys in made.items()}):
        told |= _features(tenant_id, {ref: made[ref] for ref in some})
    return told


def _features(tenant_id: UUID, made: dict[str, set[UUID]]) -> dict[str, Moved]:
    keys = dict(LakeCommit.of(tenant_id).filter(id__in=set().union(*made.values())).values_list("id", "key"))
    read: dict[str, dict[str, tuple[int, int]]] = {ref: {} for ref in made}
    for ref, mine in made.items():
        for each in mine:
            _, _, _, source, revisions = keys[each].split(":")[:5]
            bars, actions = revisions.split(".")
            read[ref][source] = (int(bars), int(actions))
    wanted = {ids.decode(LakeEntry.prefix, source) for sources in read.values() for source in sources}
    entries = {entry.ref: entry for entry in LakeEntry.of(tenant_id).filter(id__in=wanted)}
    told = {}
    for ref, outputs in _written(tenant_id, made).items():
        parts = []
        for source in read[ref].keys() & entries.keys():
            bars_at, actions_at = read[ref][source]
            parts.append(named.part_of(entries[source], bars_at))
            if actions_at:
                parts.append(Part(ACTIONS, entries[source].instrument, actions_at))
        told[ref] = Moved(named.lake(tenant_id, parts), outputs)
    return told


def freeze(tenant_id: UUID, refs: list[str]) -> dict[str, Moved]:
    """Entries of the lake, each at its revision, became a snapshot."""
    rows = list(Snapshot.of(tenant_id).filter(id__in={ids.decode(Snapshot.prefix, ref) for ref in refs}))
    held = _members(rows)
    # The rows a snapshot counts are those of whole segments, more than its range holds: they are not told.
    return {row.ref: Moved(held[row.id], [named.snapshot(row, files=row.segments)]) for row in rows}


def materialise(tenant_id: UUID, jobs: list[Job]) -> dict[str, Moved]:
    """A snapshot was put down as files."""
    known, told = named.subjects(Snapshot.of(tenant_id), jobs, "snapshotId"), {}
    for job in jobs:
        if row := known.get(job.ref):
            place = "/".join(filter(None, ["files", job.params["layout"], job.params.get("folder")]))
            outputs = []
            if job.state == State.SUCCEEDED and (made := job.result):
                facts = {"version": made["manifestSha256"], "size_bytes": made["bytes"], "files": made["files"]}
                outputs.append(named.here(row.tenant_id, f"snapshots/{row.ref}/{place}", **facts))
            told[job.ref] = Moved([named.snapshot(row)], outputs)
    return told


def returns(tenant_id: UUID, jobs: list[Job]) -> dict[str, Moved]:
    """Daily returns were made of a snapshot."""
    rows = ReturnsMatrix.of(tenant_id).select_related("snapshot")
    known, told = named.subjects(rows, jobs, "matrixId"), {}
    for job in jobs:
        if row := known.get(job.ref):
            outputs = []
            if job.state == State.SUCCEEDED and (made := job.result):
                facts = {"version": made["sha256"], "rows": made["days"], "size_bytes": made["bytes"], "files": 1}
                outputs.append(named.here(row.tenant_id, f"snapshots/{row.snapshot.ref}/returns/{row.ref}", **facts))
            told[job.ref] = Moved([named.snapshot(row.snapshot)], outputs)
    return told


def export(tenant_id: UUID, jobs: list[Job]) -> dict[str, Moved]:
    """Tables of the lake became a bundle. Which tables is known as long as the bundle is of this job."""
    known, told = named.subjects(ExportBundle.of(tenant_id), jobs, "exportId"), {}
    for job in jobs:
        if row := known.get(job.ref):
            own = row.job_ref == job.ref and job.state == State.SUCCEEDED
            outputs = []
            if job.state == State.SUCCEEDED and (made := job.result):
                facts = {"version": made["manifestSha256"], "rows": made["rows"], "files": made["files"]}
                size = row.size_bytes if own else None
                outputs.append(named.here(row.tenant_id, f"exports/{row.ref}", size_bytes=size, **facts))
            told[job.ref] = Moved(named.lake_tables(row.tenant_id, row.summary if own else []), outputs)
    return told


def commits(tenant_id: UUID, jobs: Iterable[Job]) -> dict[str, set[UUID]]:
    """Return by each job's id those of the commits that it made."""
    rows, now, asked = LakeCommit.of(tenant_id), db.now(), list(jobs)
    spans = [(job.created_at - _LATE, (job.finished_at or now) + _LATE) for job in asked]
    made = [
        rows.filter(created_at__gte=first, created_at__lte=last, job_ref=job.ref)
        for job, (first, last) in zip(asked, spans, strict=True)
    ]
    return {job.ref: keys for job, keys in zip(asked, db.keys_of(made), strict=True)}


def committed(tenant_id: UUID, jobs: Iterable[Job]) -> dict[str, list[Set]]:
    """Return by each job's id the entries that its commits changed, each at the newest revision, with the rows."""
    return _written(tenant_id, commits(tenant_id, jobs))


def _written(tenant_id: UUID, made: dict[str, set[UUID]]) -> dict[str, list[Set]]:
    told: dict[str, list[Set]] = {ref: [] for ref in made}
    for some in _parted(_sizes(made)):
        of = {key: ref for ref in some for key in made[ref]}
        found: dict[str, dict[UUID, Part]] = {}
        rows = LakeRevision.objects.filter(commit__in=list(of)).order_by("number").values_list(*_REVISION)
        for commit, entry, number, table, instrument, added, replaced in rows.iterator():
            parts = found.setdefault(of[commit], {})
            before = parts[entry].rows if entry in parts else None
            parts[entry] = Part(table, instrument, number, (added or 0) + (replaced or 0) + (before or 0))
        told |= {ref: named.lake(tenant_id, parts.values()) for ref, parts in found.items()}
    return told


def _sizes(made: dict[str, set[UUID]]) -> dict[str, int]:
    """Return how many revisions the commits of each job made."""
    every = [key for keys in made.values() for key in keys]
    counts: dict[UUID, int] = {}
    for start in range(0, len(every), _AT_ONCE):
        rows = LakeRevision.objects.filter(commit__in=every[start : start + _AT_ONCE]).order_by()
        counts |= dict(rows.values_list("commit_id").annotate(Count("id")))
    return {ref: sum(counts.get(key, 0) for key in keys) for ref, keys in made.items()}


def _parted(sizes: dict[str, int]) -> Iterator[list[str]]:
    """Yield the ids in parts of some 20,000 rows together: what is asked at once stays small."""
    some: list[str] = []
    rows = 0
    for ref, size in sizes.items():
        if some and rows + size > _AT_ONCE:
            yield some
            some, rows = [], 0
        some.append(ref)
        rows += size
    if some:
        yield some


def _members(snapshots: list[Snapshot]) -> dict[UUID, list[Set]]:
    """Return by snapshot its entries, each once; of one with more than can be named its tables."""
    many = {row.id: row for row in snapshots if row.state == SnapshotState.FROZEN and row.entries > named.MOST}
    parts: dict[UUID, list[Part]] = {row.id: [] for row in snapshots}
    rows = SnapshotMember.objects.filter(snapshot__in=parts.keys() - many.keys())
    told = rows.order_by("entry__table", "entry__instrument").values_list(
        "snapshot_id", "entry__table", "entry__instrument", "revision"
    )
    for key, table, instrument, revision in told.distinct():
        parts[key].append(Part(table, instrument, revision))
    return {
        row.id: named.lake_tables(row.tenant_id, row.tables)
        if row.id in many
        else named.lake(row.tenant_id, parts[row.id])
        for row in snapshots
    }
