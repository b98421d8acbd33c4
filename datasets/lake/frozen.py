"""Reads of a snapshot: its entries with the segments they had, and the manifest that says so.

What is read here never changes: later commits open new segments and leave those of a snapshot alone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from datasets.lake import scan
from datasets.models import LakeEntry, LakeSegment, Snapshot, SnapshotMember, SnapshotState
from datasets.storage import manifests
from tradenexus.errors import BadRequest, Gone, NotFound

FORMAT = 1


class SnapshotExpired(Gone):
    """The snapshot has expired: its segments were let go and its files removed. Its name and digest are kept.

    Make a new one under another name; the lake can be read as it was with `as_of` while it keeps those revisions.
    """

    code = "SNAPSHOT_EXPIRED"


@dataclass
class Frozen:
    """One entry as a snapshot holds it: the revision, its segments in order, grade and freshness at that moment."""

    entry: LakeEntry
    revision: int
    grade: str
    fetched_at: datetime | None
    segments: list[LakeSegment] = field(default_factory=list)


def standing(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot that still holds its segments; SnapshotExpired otherwise."""
    if snapshot.state == SnapshotState.EXPIRED:
        raise SnapshotExpired(f"the snapshot {snapshot.name!r} has expired", {"snapshotId": snapshot.ref})
    return snapshot


def entries_of(
    snapshot: Snapshot, table: str | None = None, instruments: Collection[str] | None = None
) -> list[Frozen]:
    """Return what a snapshot holds, by table and instrument, of one table or some instruments if named.

    One query, whatever the number of entries. SnapshotExpired when it has let go.
    """
    rows = SnapshotMember.objects.filter(snapshot=standing(snapshot)).select_related("entry", "segment")
    if table is not None:
        rows = rows.filter(entry__table=table)
    found: dict[Any, Frozen] = {}
    for row in rows.order_by("number"):
        if instruments is not None and row.entry.instrument not in instruments:
            continue
        known = found.setdefault(row.entry_id, Frozen(row.entry, row.revision, row.grade, row.fetched_at))
        if row.segment is not None:
            known.segments.append(row.segment)
    return list(found.values())


def part_of(snapshot: Snapshot, one: Frozen) -> scan.Slice:
    """Return an entry of a snapshot as `scan.tables_of` reads it: exactly the snapshot's range."""
    return scan.Slice(one.entry, one.revision, one.segments, snapshot.start_ns, snapshot.end_ns)


def locate(snapshot: Snapshot, entry: LakeEntry, start_ns: int | None, end_ns: int | None) -> scan.Slice:
    """Return what a snapshot holds of an entry in a range, cut to the snapshot's own; NotFound for no member of it."""
    if start_ns is not None and end_ns is not None and start_ns >= end_ns:
        raise BadRequest("the range is empty or reversed", {"start": start_ns, "end": end_ns})
    held = [each for each in entries_of(snapshot, entry.table, {entry.instrument}) if each.entry.id == entry.id]
    if not held:
        words = f"the snapshot {snapshot.name!r} does not hold {entry}"
        raise NotFound(words, {"snapshotId": snapshot.ref, "entry": str(entry)})
    whole = part_of(snapshot, held[0])
    start = max(snapshot.start_ns, start_ns) if start_ns is not None else snapshot.start_ns
    end = min(snapshot.end_ns, end_ns) if end_ns is not None else snapshot.end_ns
    return scan.within(whole, start, end)


def manifest(start_ns: int, end_ns: int, held: list[Frozen]) -> dict[str, Any]:
    """Return what a snapshot consists of, with every segment's digest; equal content gives an equal document."""
    return {
        "format": FORMAT,
        "startNs": start_ns,
        "endNs": end_ns,
        "entries": [
            {
                "table": each.entry.table,
                "instrument": each.entry.instrument,
                "revision": each.revision,
                "grade": each.grade,
                "fetchedAt": each.fetched_at.isoformat() if each.fetched_at else None,
                "segments": [
                    {
                        "sha256": segment.sha256,
                        "rows": segment.rows,
                        "sizeBytes": segment.size_bytes,
                        "firstNs": segment.t0_ns,
                        "lastNs": segment.t1_ns,
                    }
                    for segment in each.segments
                ],
            }
            for each in held
        ],
    }


def manifest_of(snapshot: Snapshot) -> dict[str, Any]:
    """Return a snapshot's manifest from its rows; ManifestDamaged when they are not those that were frozen."""
    document = manifest(snapshot.start_ns, snapshot.end_ns, entries_of(snapshot))
    if manifests.digest(document) != snapshot.digest:
        words = f"the members of the snapshot {snapshot.name!r} are not those that were frozen"
        raise manifests.ManifestDamaged(words, {"snapshotId": snapshot.ref, "digest": snapshot.digest})
    return document
