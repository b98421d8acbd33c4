"""Lineage beyond a commit: entries of the lake at their revisions, and what was made of them.

    commit -> entry@revision -> snapshot -> returns matrix, files        entry@revision -> feature's commit, export

Everything made of a later revision was made of this one too, so it stands below it: a snapshot that froze revision 5,
a feature built of it, an export planned when it was in force. Named in settings.NEXUS_LINEAGE and NEXUS_NEIGHBOURS.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Min

from datasets import promoted
from datasets.lineage import Edge, Node
from datasets.models import (
    DatasetVersion,
    ExportBundle,
    ExportState,
    LakeCommit,
    LakeEntry,
    LakeRevision,
    ReturnsMatrix,
    Snapshot,
    SnapshotMember,
)
from datasets.neighbourhood import Found, Way, decoded
from datasets.snapshots import materialise
from tradenexus import ids
from tradenexus.jobs.models import Job, State

MOST = 500
FEATURE = "feature"
Place = tuple[UUID, int]  # an entry and a revision of it


def following(tenant_id: UUID, known: list[str]) -> tuple[list[Node], list[Edge]]:
    """Return what follows from the commits among the ids: their entries, and what was made of these."""
    found = Found()
    layer = [ref for ref in known if ref.startswith(f"{LakeCommit.prefix}_")]
    seen = set(layer)
    for _ in range(6):  # commit, entry, feature's commit, its entry, snapshot, returns
        more = beside(tenant_id, layer, "down", MOST, None)
        found.add(more)
        layer = [key for key in more.nodes if key not in seen]
        seen |= set(layer)
        if not layer or len(found.nodes) > MOST:
            break
    return list(found.nodes.values()), found.edges


def beside(tenant_id: UUID, refs: Sequence[str], way: Way, fan: int, near: UUID | None) -> Found:
    """Return the neighbours of the ids (datasets.neighbourhood.Neighbours)."""
    step = _Step(tenant_id, refs, fan, near)
    {"up": step.up, "down": step.down, "self": step.own}[way]()
    return step.found


class _Step:
    def __init__(self, tenant_id: UUID, refs: Sequence[str], fan: int, near: UUID | None):
        self.tenant_id, self.fan, self.near, self.found = tenant_id, fan, near, Found()
        self.places = _places(refs)
        self.of = {model: decoded(model.prefix, refs) for model in (LakeCommit, Snapshot, ReturnsMatrix, Job)}
        self.bundles = decoded(ExportBundle.prefix, refs)

    # --- the ids themselves

    def own(self) -> None:
        """The nodes of the ids."""
        self._take(self._revisions(self.places))
        self._take([_snapshot(row) for row in Snapshot.of(self.tenant_id).filter(id__in=self.of[Snapshot])])
        self._take([_matrix(row) for row in self._matrices().filter(id__in=self.of[ReturnsMatrix])])
        self._take([_files(row) for row in self._put_down().filter(id__in=self.of[Job])])
        self._take([_export(row) for row in self._exports().filter(id__in=self.bundles)])

    # --- what was made of them

    def down(self) -> None:
        """What was made of the ids."""
        self._entries_of_commits()
        entries = LakeEntry.of(self.tenant_id).in_bulk([key for key, _ in self.places]) if self.places else {}
        for key, revision in self.places:
            if key in entries:
                self._made_of(entries[key], revision)
        for key in self.of[Snapshot]:
            ref = ids.encode(Snapshot.prefix, key)
            self._link(ref, "down", self._matrices().filter(snapshot_id=key), _matrix, "returns")
            self._link(ref, "down", self._put_down().filter(subject=ref), _files, "materialise")

    def _entries_of_commits(self) -> None:
        for key in self.of[LakeCommit]:
            rows = LakeRevision.objects.filter(commit_id=key, commit__tenant_id=self.tenant_id)
            rows = rows.select_related("entry").order_by("entry__table", "entry__instrument")
            self._link(ids.encode(LakeCommit.prefix, key), "down", rows, _entry, "commit")

    def _made_of(self, entry: LakeEntry, revision: int) -> None:
        ref = place(entry.id, revision)
        frozen = SnapshotMember.objects.filter(entry=entry, revision__gte=revision).values("snapshot_id")
        snapshots = Snapshot.of(self.tenant_id).filter(id__in=frozen).order_by("-created_at", "-id")
        self._link(ref, "down", snapshots, _snapshot, "freeze")
        built = [row for row in _features(self.tenant_id, [entry.ref]) if _read(row)[1] >= revision]
        self._listed(ref, "down", built, promoted.describe, FEATURE)
        self._listed(ref, "down", self._exported(entry, revision), _export, "export")

    def _exported(self, entry: LakeEntry, revision: int) -> list[ExportBundle]:
        """Return the bundles that were begun when the revision, or a later one, was in force."""
        since = LakeRevision.objects.filter(entry=entry, number__gte=revision).aggregate(at=Min("created_at"))["at"]
        if since is None:
            return []
        return [row for row, at in self._all_begun if at >= since and _holds(row, entry)]

    # --- what they were made of

    def up(self) -> None:
        """What the ids were made of."""
        for key, revision in self.places:
            rows = LakeCommit.of(self.tenant_id).filter(revisions__entry_id=key, revisions__number__lte=revision)
            rows = rows.filter(source__in=self._own_sources()) if self.near else rows
            ordered = rows.distinct().order_by("-created_at", "-id")
            self._link(place(key, revision), "up", ordered, promoted.describe, "commit")
        self._above_features()
        for key in self.of[Snapshot]:
            self._above_snapshot(key)
        for row in self._matrices().filter(id__in=self.of[ReturnsMatrix]).select_related("snapshot"):
            self._listed(row.ref, "up", [row.snapshot], _snapshot, "returns")
        for job in self._put_down().filter(id__in=self.of[Job]):
            source = Snapshot.of(self.tenant_id).filter(id__in=decoded(Snapshot.prefix, [job.subject]))
            self._listed(job.ref, "up", list(source), _snapshot, "materialise")
        for row, began in self._began(self.bundles):
            self._above_export(row, began)

    def _above_features(self) -> None:
        rows = LakeCommit.of(self.tenant_id).filter(id__in=self.of[LakeCommit], operation=FEATURE)
        for row in rows:
            with suppress(ValueError):
                key, revision = _read(row)
                self._listed(row.ref, "up", self._revisions([(key, revision)]), lambda node: node, FEATURE)

    def _above_snapshot(self, key: UUID) -> None:
        rows = SnapshotMember.objects.filter(snapshot_id=key, snapshot__tenant_id=self.tenant_id)
        rows = self._touched(rows, "entry_id").order_by("entry__table", "entry__instrument")
        pairs = list(dict.fromkeys(rows.values_list("entry_id", "revision")))
        ref = ids.encode(Snapshot.prefix, key)
        self.found.totals[ref] += len(pairs)
        if self.fan:
            self._join(ref, "up", self._revisions(pairs[: self.fan]), "freeze")

    def _above_export(self, row: ExportBundle, began: datetime) -> None:
        """The entries of a bundle, each at the revision in force when it was begun; one that moved meanwhile is left
        out, for nobody wrote down which one it was."""
        entries = self._touched(LakeEntry.of(self.tenant_id).filter(table__in=list(row.summary)), "id")
        if named := row.parameters.get("instruments"):
            entries = entries.filter(instrument__in=named)
        self.found.totals[row.ref] += entries.count()
        if not self.fan:
            return
        pairs = []
        for entry in entries.order_by("table", "instrument")[: self.fan]:
            until = LakeRevision.objects.filter(entry=entry, created_at__lte=row.built_at).order_by("-number").first()
            if until is not None and until.created_at <= began:
                pairs.append((entry.id, until.number))
        self._join(row.ref, "up", self._revisions(pairs), "export")

    # --- rows

    def _touched(self, rows: Any, column: str) -> Any:
        """Only what versions of the near dataset came into."""
        if self.near is None:
            return rows
        into = LakeRevision.objects.filter(commit__tenant_id=self.tenant_id, commit__source__in=self._own_sources())
        return rows.filter(**{f"{column}__in": into.values("entry_id")})

    def _own_sources(self) -> list[str]:
        keys = DatasetVersion.of(self.tenant_id).filter(dataset=self.near).values_list("id", flat=True)
        return [ids.encode(DatasetVersion.prefix, key) for key in keys]

    def _matrices(self) -> Any:
        return ReturnsMatrix.of(self.tenant_id).filter(state="ready").order_by("-created_at", "-id")

    def _put_down(self) -> Any:
        done = Job.of(self.tenant_id).filter(kind=materialise.JOB, state=State.SUCCEEDED)
        return done.order_by("-created_at", "-id")

    def _exports(self) -> Any:
        return ExportBundle.of(self.tenant_id).filter(state=ExportState.READY).order_by("-night")

    @cached_property
    def _all_begun(self) -> list[tuple[ExportBundle, datetime]]:
        return self._began(None)

    def _began(self, keys: Iterable[UUID] | None) -> list[tuple[ExportBundle, datetime]]:
        """Return ready bundles with the time at which their job was begun, as far as that is known."""
        rows = list(self._exports() if keys is None else self._exports().filter(id__in=keys))
        wanted = decoded(Job.prefix, [row.job_ref for row in rows])
        at = {job.ref: job.started_at for job in Job.of(self.tenant_id).filter(id__in=wanted)}
        return [(row, began) for row in rows if row.built_at and (began := at.get(row.job_ref))]

    def _revisions(self, pairs: Iterable[Place]) -> list[Node]:
        wanted = dict.fromkeys(pairs)
        rows = LakeRevision.objects.filter(
            entry__tenant_id=self.tenant_id,
            entry_id__in={key for key, _ in wanted},
            number__in={number for _, number in wanted},
        ).select_related("entry")
        known = {(row.entry_id, row.number): _entry(row) for row in rows} if wanted else {}
        return [known[pair] for pair in wanted if pair in known]

    # --- nodes and edges

    def _link(self, ref: str, way: Way, rows: Any, describe: Any, operation: str) -> None:
        """Join the first `fan` rows of a query to an id, and count them all."""
        self.found.totals[ref] += rows.count()
        if self.fan:
            self._join(ref, way, [describe(row) for row in rows[: self.fan]], operation)

    def _listed(self, ref: str, way: Way, rows: Sequence[Any], describe: Any, operation: str) -> None:
        self.found.totals[ref] += len(rows)
        self._join(ref, way, [describe(row) for row in rows[: self.fan]], operation)

    def _join(self, ref: str, way: Way, nodes: list[Node], operation: str) -> None:
        self._take(nodes)
        for node in nodes:
            ends = (ref, node["id"]) if way == "down" else (node["id"], ref)
            self.found.edges.append({"from": ends[0], "to": ends[1], "operation": operation})

    def _take(self, nodes: Iterable[Node]) -> None:
        self.found.nodes |= {node["id"]: node for node in nodes}


def place(entry_id: UUID, revision: int) -> str:
    """Return the id of an entry at a revision."""
    return f"{ids.encode(LakeEntry.prefix, entry_id)}@{revision}"


def _places(refs: Iterable[str]) -> list[Place]:
    found = []
    for ref in refs:
        entry, at, revision = ref.partition("@")
        if at and revision.isascii() and revision.isdigit() and len(revision) < 10:
            found += [(key, int(revision)) for key in decoded(LakeEntry.prefix, [entry])]
    return found


def _features(tenant_id: UUID, sources: list[str]) -> list[LakeCommit]:
    rows = LakeCommit.of(tenant_id).filter(source__in=sources, operation=FEATURE)
    return list(rows.order_by("-created_at", "-id")[:MOST])


def _read(commit: LakeCommit) -> Place:
    """Return the entry and the revision that a feature's commit was made of: they stand in its key."""
    return ids.decode(LakeEntry.prefix, commit.source), int(commit.key.split(":")[4].split(".")[0])


def _holds(row: ExportBundle, entry: LakeEntry) -> bool:
    named = row.parameters.get("instruments")
    return entry.table in row.summary and (not named or entry.instrument in named)


def _entry(row: LakeRevision) -> Node:
    details = {"table": row.entry.table, "instrument": row.entry.instrument, "revision": row.number, "rows": row.rows}
    return _node(place(row.entry_id, row.number), "entry", f"{row.entry}@{row.number}", row.digest, details)


def _snapshot(row: Snapshot) -> Node:
    details = {"state": row.state, "entries": row.entries, "segments": row.segments}
    return _node(row.ref, "snapshot", row.name, row.digest, details)


def _matrix(row: ReturnsMatrix) -> Node:
    details = {"state": row.state, "table": row.table, "days": row.days, "candidates": row.kept, "jobId": row.job_ref}
    return _node(row.ref, "returns", f"returns of {row.kept} candidates", row.sha256, details)


def _files(job: Job) -> Node:
    made = job.result or {}
    details = {"files": made.get("files"), "sizeBytes": made.get("bytes"), "jobId": job.ref}
    return _node(job.ref, "files", f"files, {made.get('layout', '')}", made.get("manifestSha256"), details)


def _export(row: ExportBundle) -> Node:
    details = {"night": f"{row.night}", "state": row.state, "rows": row.rows, "jobId": row.job_ref}
    return _node(row.ref, "export", f"export of {row.night}", row.manifest_sha256, details)


def _node(key: str, kind: str, label: str, digest: str | None, details: dict[str, Any]) -> Node:
    return {"id": key, "kind": kind, "label": label, "digest": digest or None, "details": details}
