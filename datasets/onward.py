"""Lineage beyond a commit: entries of the lake at their revisions, and what was made of them.

    commit -> entry@revision -> snapshot -> returns matrix, files        entry@revision -> feature's commit, export

Everything made of a later revision was made of this one too, so it stands below it: a snapshot that froze revision 5,
a feature built of it, an export planned when it was in force. Named in settings.NEXUS_LINEAGE and NEXUS_NEIGHBOURS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat, Replace

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
    SnapshotState,
)
from datasets.neighbourhood import Found, Way, cut, decoded
from datasets.snapshots import materialise
from tradenexus import db, ids
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


@dataclass
class _Link:
    """What is beside an id by one operation: the rows of a query, and how each is told."""

    ref: str
    way: Way
    rows: QuerySet[Any]
    describe: Callable[[Any], Node]
    operation: str


class _Step:
    """One step from many ids; how many queries it takes does not grow with them (a hundred a statement)."""

    def __init__(self, tenant_id: UUID, refs: Sequence[str], fan: int, near: UUID | None):
        self.tenant_id, self.fan, self.near, self.found = tenant_id, fan, near, Found()
        self.places = _places(refs)
        self.of = {model: decoded(model.prefix, refs) for model in (LakeCommit, Snapshot, ReturnsMatrix, Job)}
        self.bundles = decoded(ExportBundle.prefix, refs)
        self.links: list[_Link] = []

    # --- the ids themselves

    def own(self) -> None:
        """The nodes of the ids."""
        self._take(self._revisions(self.places).values())
        self._take([_snapshot(row) for row in Snapshot.of(self.tenant_id).filter(id__in=self.of[Snapshot])])
        self._take([_matrix(row) for row in self._matrices().filter(id__in=self.of[ReturnsMatrix])])
        self._take([_files(row) for row in self._put_down().filter(id__in=self.of[Job])])
        self._take([_export(row) for row in self._exports().filter(id__in=self.bundles)])

    # --- what was made of them

    def down(self) -> None:
        """What was made of the ids."""
        for key in self.of[LakeCommit]:
            rows = LakeRevision.objects.filter(commit_id=key, commit__tenant_id=self.tenant_id)
            rows = rows.select_related("entry").order_by("entry__table", "entry__instrument")
            self._link(ids.encode(LakeCommit.prefix, key), "down", rows, _entry, "commit")
        entries = LakeEntry.of(self.tenant_id).in_bulk([key for key, _ in self.places]) if self.places else {}
        held = [(entries[key], revision) for key, revision in self.places if key in entries]
        for entry, revision in held:
            frozen = SnapshotMember.objects.filter(entry=entry, revision__gte=revision).values("snapshot_id")
            snapshots = Snapshot.of(self.tenant_id).filter(id__in=frozen).order_by("-created_at", "-id")
            self._link(place(entry.id, revision), "down", snapshots, _snapshot, "freeze")
        for key in self.of[Snapshot]:
            ref = ids.encode(Snapshot.prefix, key)
            self._link(ref, "down", self._matrices().filter(snapshot_id=key), _matrix, "returns")
            self._link(ref, "down", self._put_down().filter(subject=ref), _files, "materialise")
        self._follow()
        self._features_of(held)
        self._exports_of(held)

    def _features_of(self, held: list[tuple[LakeEntry, int]]) -> None:
        """The newest 500 features of each entry, of which those are told that were made of the revision or a later."""
        rows = LakeCommit.of(self.tenant_id).filter(operation=FEATURE).order_by("-created_at", "-id")
        found, _ = cut(rows.only("source", "key"), "source", {entry.ref for entry, _ in held}, MOST)
        built: dict[str, list[LakeCommit]] = {}
        for row in found:
            built.setdefault(row.source, []).append(row)
        later = [
            (place(entry.id, revision), [row for row in built.get(entry.ref, []) if _read(row)[1] >= revision])
            for entry, revision in held
        ]
        shown = {row.id for _, mine in later for row in mine[: self.fan]}
        whole = rows.in_bulk(shown) if shown else {}
        for ref, mine in later:
            self._listed(ref, "down", mine, lambda row: promoted.describe(whole[row.id]), FEATURE)

    def _exports_of(self, held: list[tuple[LakeEntry, int]]) -> None:
        """The bundles that were begun when the revision, or a later one, was in force."""
        begun = self._began(None) if held else []
        if not begun:
            return
        rows = LakeRevision.objects.order_by("created_at", "id")
        first = db.keys_of([rows.filter(entry=entry, number__gte=revision)[:1] for entry, revision in held])
        since = dict(rows.filter(pk__in=set().union(*first)).values_list("pk", "created_at"))
        for (entry, revision), keys in zip(held, first, strict=True):
            told = [row for key in keys for row, at in begun if at >= since[key] and _holds(row, entry)]
            self._listed(place(entry.id, revision), "down", told, _export, "export")

    # --- what they were made of

    def up(self) -> None:
        """What the ids were made of."""
        for key, revision in self.places:
            rows = LakeCommit.of(self.tenant_id).filter(revisions__entry_id=key, revisions__number__lte=revision)
            rows = rows.filter(source__in=self._own_sources()) if self.near else rows
            ordered = rows.distinct().order_by("-created_at", "-id")
            self._link(place(key, revision), "up", ordered, promoted.describe, "commit")
        self._follow()
        self._above_features()
        self._above_snapshots()
        for row in self._matrices().filter(id__in=self.of[ReturnsMatrix]).select_related("snapshot"):
            self._listed(row.ref, "up", [row.snapshot], _snapshot, "returns")
        jobs = list(self._put_down().filter(id__in=self.of[Job]))
        sources = Snapshot.of(self.tenant_id).filter(id__in=decoded(Snapshot.prefix, [job.subject for job in jobs]))
        known = {row.ref: row for row in sources} if jobs else {}
        for job in jobs:
            self._listed(job.ref, "up", [known[job.subject]] if job.subject in known else [], _snapshot, "materialise")
        self._above_exports()

    def _above_features(self) -> None:
        read: dict[str, Place] = {}
        for row in LakeCommit.of(self.tenant_id).filter(id__in=self.of[LakeCommit], operation=FEATURE):
            with suppress(ValueError):
                read[row.ref] = _read(row)
        nodes = self._revisions(read.values())
        for ref, at in read.items():
            self._listed(ref, "up", [nodes[at]] if at in nodes else [], lambda node: node, FEATURE)

    def _above_snapshots(self) -> None:
        # A member whose neighbour before it is of another entry is its entry's first: they stand in the entries' order.
        before = SnapshotMember.objects.filter(snapshot=OuterRef("snapshot"), number=OuterRef("number") - 1)
        firsts = SnapshotMember.objects.filter(~Exists(before.filter(entry=OuterRef("entry")))).order_by("number")
        rows = list(Snapshot.of(self.tenant_id).filter(id__in=self.of[Snapshot], state=SnapshotState.FROZEN))
        mine = [self._touched(firsts.filter(snapshot=row), "entry_id") for row in rows]
        found = db.keys_of([each[: self.fan] for each in mine]) if self.fan else []
        members = SnapshotMember.objects.filter(pk__in=set().union(*found)).order_by("number")
        pairs: dict[UUID, list[Place]] = {}
        for snapshot, entry, revision in members.values_list("snapshot_id", "entry_id", "revision") if found else ():
            pairs.setdefault(snapshot, []).append((entry, revision))
        nodes = self._revisions(pair for some in pairs.values() for pair in some)
        counts = [row.entries for row in rows] if self.near is None else db.counted(mine)
        for row, count in zip(rows, counts, strict=True):
            self.found.totals[row.ref] += count
            self._join(row.ref, "up", [nodes[pair] for pair in pairs.get(row.id, ()) if pair in nodes], "freeze")

    def _above_exports(self) -> None:
        """The entries of bundles, each at the revision in force when its bundle was begun; one that moved meanwhile is
        left out, for nobody wrote down which one it was."""
        bundles = self._began(self.bundles)
        held = [self._held_by(row) for row, _ in bundles]
        for (row, _), count in zip(bundles, db.counted(held), strict=True):
            self.found.totals[row.ref] += count
        if not self.fan:
            return
        told = db.keys_of([rows.order_by("table", "instrument")[: self.fan] for rows in held])
        pairs = [(row, began, key) for (row, began), keys in zip(bundles, told, strict=True) for key in keys]
        newest = LakeRevision.objects.order_by("-number")
        found = db.keys_of([newest.filter(entry_id=key, created_at__lte=row.built_at)[:1] for row, _, key in pairs])
        rows = LakeRevision.objects.filter(pk__in=set().union(*found)).select_related("entry")
        ordered = list(rows.order_by("entry__table", "entry__instrument")) if pairs else []
        for row, began in bundles:
            mine = set().union(*(keys for (one, *_), keys in zip(pairs, found, strict=True) if one is row))
            self._join(
                row.ref,
                "up",
                [_entry(each) for each in ordered if each.pk in mine and each.created_at <= began],
                "export",
            )

    def _held_by(self, row: ExportBundle) -> QuerySet[LakeEntry]:
        entries = self._touched(LakeEntry.of(self.tenant_id).filter(table__in=list(row.summary)), "id")
        named = row.parameters.get("instruments")
        return entries.filter(instrument__in=named) if named else entries

    # --- rows

    def _touched(self, rows: Any, column: str) -> Any:
        """Only what versions of the near dataset came into."""
        if self.near is None:
            return rows
        into = LakeRevision.objects.filter(commit__tenant_id=self.tenant_id, commit__source__in=self._own_sources())
        return rows.filter(**{f"{column}__in": into.values("entry_id")})

    def _own_sources(self) -> Any:
        """What commits call the near dataset's versions; a query, for they may be more than a statement takes."""
        text = TextField()
        key = Replace(Cast("id", text), Value("-", text), Value("", text))
        named = Concat(Value(f"{DatasetVersion.prefix}_", text), key)
        return DatasetVersion.everyone.filter(dataset=self.near).values_list(named)

    def _matrices(self) -> Any:
        return ReturnsMatrix.of(self.tenant_id).filter(state="ready").order_by("-created_at", "-id")

    def _put_down(self) -> Any:
        done = Job.of(self.tenant_id).filter(kind=materialise.JOB, state=State.SUCCEEDED)
        return done.order_by("-created_at", "-id")

    def _exports(self) -> Any:
        return ExportBundle.of(self.tenant_id).filter(state=ExportState.READY).order_by("-night")

    def _began(self, keys: Iterable[UUID] | None) -> list[tuple[ExportBundle, datetime]]:
        """Return ready bundles with the time at which their job was begun, as far as that is known."""
        rows = list(self._exports() if keys is None else self._exports().filter(id__in=keys))
        wanted = decoded(Job.prefix, [row.job_ref for row in rows])
        at = {job.ref: job.started_at for job in Job.of(self.tenant_id).filter(id__in=wanted)}
        return [(row, began) for row in rows if row.built_at and (began := at.get(row.job_ref))]

    def _revisions(self, pairs: Iterable[Place]) -> dict[Place, Node]:
        """Return the nodes of entries at revisions, in the order asked for, as far as they are the workspace's."""
        wanted = list(dict.fromkeys(pairs))
        mine = LakeRevision.objects.filter(entry__tenant_id=self.tenant_id)
        found = db.keys_of([mine.filter(entry_id=key, number=number) for key, number in wanted])
        rows = mine.filter(pk__in=set().union(*found)).select_related("entry") if wanted else []
        known = {(row.entry_id, row.number): _entry(row) for row in rows}
        return {pair: known[pair] for pair in wanted if pair in known}

    # --- nodes and edges

    def _link(self, ref: str, way: Way, rows: Any, describe: Callable[[Any], Node], operation: str) -> None:
        """Note that the first `fan` rows of a query are beside an id, and count for it."""
        self.links.append(_Link(ref, way, rows, describe, operation))

    def _follow(self) -> None:
        """Count the rows of all links at once, and read the first of each: a query a model."""
        links, self.links = self.links, []
        for link, count in zip(links, db.counted([link.rows for link in links]), strict=True):
            self.found.totals[link.ref] += count
        by_model: dict[Any, list[_Link]] = {}
        for link in links if self.fan else ():
            by_model.setdefault(link.rows.model, []).append(link)
        for model, some in by_model.items():
            keys = db.keys_of([link.rows[: self.fan] for link in some])
            rows = model._base_manager.filter(pk__in=set().union(*keys)).order_by(*some[0].rows.query.order_by)
            rows = rows.select_related("entry") if model is LakeRevision else rows
            order = {row.pk: (number, row) for number, row in enumerate(rows)}
            for link, mine in zip(some, keys, strict=True):
                told = sorted(order[key] for key in mine if key in order)
                self._join(link.ref, link.way, [link.describe(row) for _, row in told], link.operation)

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
