"""Freezing: entries of the lake become a snapshot in one transaction, or nothing does and all that is unfit is named.

A handful of queries over sets, none an entry: the entries, their segments in the range, what the ledger holds against
them, and the entries once more (a commit in between starts it anew). No byte is read, copied or fetched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection
from django.db.models import F, Q

from datasets.lake import frozen
from datasets.market import instruments, ranges, tables
from datasets.models import LakeEntry, LakeMember, LakeSegment, Snapshot, SnapshotMember
from datasets.snapshots import fitness
from datasets.storage import manifests
from tradenexus import db, ids
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest, Conflict
from tradenexus.events import outbox

MOST_MEMBERS = 10_000
TRIES = 3
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+=-]{0,127}", re.ASCII)
Pair = tuple[str, str]


class MembersUnfit(Conflict):
    """Nothing was frozen: `details.members` names every table and instrument that is missing, stale, ungraded or short.

    Fetch or promote what is missing, refresh what is stale, review what is graded too low, or ask for less.
    """

    code = "SNAPSHOT_MEMBERS_UNFIT"


class NameTaken(Conflict):
    """A snapshot of this name was made of something else. A run's id names one snapshot for good; use another."""

    code = "SNAPSHOT_NAME_TAKEN"


@dataclass(frozen=True)
class Wanted:
    """What a run needs: instruments x tables over [start_ns, end_ns), no older and no worse than said."""

    name: str
    instruments: tuple[str, ...]
    tables: tuple[str, ...]
    start_ns: int
    end_ns: int
    max_staleness_s: float | None = None
    grade: str = "AMBER"
    allow_short: bool = False

    @property
    def pairs(self) -> list[Pair]:
        """The members, by table and instrument."""
        return sorted((table, name) for table in self.tables for name in self.instruments)

    @property
    def digest(self) -> str:
        """The digest of what is asked, its name apart."""
        return manifests.digest(
            {
                "members": [list(pair) for pair in self.pairs],
                "range": [self.start_ns, self.end_ns],
                "maxStalenessSeconds": self.max_staleness_s,
                "grade": self.grade,
                "allowShort": self.allow_short,
            }
        )


def wanted(
    name: str, names: Sequence[str], of_tables: Sequence[str], start_ns: int, end_ns: int, **more: Any
) -> Wanted:
    """Return what is asked, checked; VALIDATION_ERROR, SymbolRefused, TableUnknown or RangeReversed otherwise."""
    if not _NAME.fullmatch(name):
        words = "a snapshot's name has 1 to 128 letters, digits and . _ : @ + = -, from a letter or digit"
        raise BadRequest(words, {"fields": {"name": [words]}})
    if more.get("grade", "AMBER") not in fitness.GRADES:
        raise BadRequest("no such grade", {"fields": {"grade": [", ".join(fitness.GRADES)]}})
    chosen = tuple(sorted({str(instruments.parse(each)) for each in names}))
    found = tuple(sorted({tables.find(each).name for each in of_tables}))
    if not chosen or not found:
        lacking = "instruments" if not chosen else "tables"
        raise BadRequest(f"name at least one of {lacking}", {"fields": {lacking: ["at least one"]}})
    if len(chosen) * len(found) > MOST_MEMBERS:
        words = f"a snapshot has at most {MOST_MEMBERS:,} members (instruments x tables)"
        raise BadRequest(words, {"fields": {"instruments": [words]}, "most": MOST_MEMBERS})
    ranges.check(start_ns, end_ns)
    return Wanted(name, chosen, found, start_ns, end_ns, **more)


def freeze(actor: Actor, ask: Wanted, expires_at: datetime | None = None) -> tuple[Snapshot, bool]:
    """Freeze what is asked, inside `db.atomic()` -> (snapshot, whether it was made now).

    The same name with the same ask gives the snapshot that is there: a run that starts again reads what it read.
    MembersUnfit with every unfit member; NameTaken when the name stands for something else; LakeBusy when commits
    kept changing these entries. Nothing is written then.
    """
    known = Snapshot.of(actor.tenant_id).filter(name=ask.name).first()
    if known is not None:
        return _again(known, ask), False
    now = db.now()
    if expires_at is not None and expires_at <= now:
        raise BadRequest("the snapshot would expire at once", {"fields": {"expiresAt": ["must lie in the future"]}})
    snapshot = Snapshot(
        id=ids.uuid7(),
        tenant_id=actor.tenant_id,
        name=ask.name,
        asked_digest=ask.digest,
        tables=list(ask.tables),
        start_ns=ask.start_ns,
        end_ns=ask.end_ns,
        max_staleness_s=ask.max_staleness_s,
        grade=ask.grade,
        expires_at=expires_at or now + timedelta(seconds=settings.NEXUS_SNAPSHOT_KEPT_S),
        created_by_id=actor.user_id,
        created_at=now,
    )
    held = _held(snapshot, ask, now)
    _describe(snapshot, held)
    Snapshot.everyone.bulk_create([snapshot], ignore_conflicts=True)
    first = Snapshot.of(actor.tenant_id).filter(name=ask.name).get()
    if first.id != snapshot.id:  # the same run, asking twice at once
        return _again(first, ask), False
    _write(snapshot, held)
    told = {"entries": snapshot.entries, "segments": snapshot.segments, "digest": snapshot.digest}
    outbox.record(
        actor, "snapshot.frozen", snapshot.ref, new="frozen", details={**told, "name": snapshot.name}, data=told
    )
    return snapshot, True


def _busy(words: str, name: str) -> Exception:
    from datasets.lake.commit import LakeBusy  # a child's libraries come with it

    return LakeBusy(words, {"name": name})


def _again(known: Snapshot, ask: Wanted) -> Snapshot:
    if known.asked_digest != ask.digest:
        words = f"the snapshot {known.name!r} was made of something else"
        raise NameTaken(words, {"snapshotId": known.ref, "name": known.name})
    return frozen.standing(known)


def _held(snapshot: Snapshot, ask: Wanted, now: datetime) -> list[frozen.Frozen]:
    """Return what the lake holds of the ask, seen at one moment."""
    for _ in range(TRIES):
        entries = _entries(snapshot.tenant_id, ask)
        segments = _segments(entries, ask)
        tallies = fitness.tallies(list(entries.values()), ask.start_ns, ask.end_ns, now)
        if _standing(entries) == _standing(_entries(snapshot.tenant_id, ask)):
            break
    else:
        raise _busy("other commits kept changing these entries", ask.name)
    unfit, held = [], []
    for table, name in ask.pairs:
        entry = entries.get((table, name))
        tally = tallies.get(entry.id, fitness.Tally()) if entry else fitness.Tally()
        parts = segments.get(entry.id, []) if entry else []
        faults = (
            fitness.faults(entry, tally, bool(parts), snapshot, now, allow_short=ask.allow_short)
            if entry
            else fitness.missing()
        )
        if faults:
            unfit.append({"table": table, "instrument": name, "faults": faults})
        elif entry:
            grade = tally.grade if entry.sessions else ""
            held.append(frozen.Frozen(entry, entry.revision, grade, entry.fetched_at, parts))
    if unfit:
        raise _refusal(unfit, len(ask.pairs))
    return held


def _refusal(unfit: list[dict[str, Any]], asked: int) -> MembersUnfit:
    codes = [fault["code"] for each in unfit for fault in each["faults"]]
    counts = {code: codes.count(code) for code in sorted(set(codes))}
    said = ", ".join(f"{count} {code.lower()}" for code, count in counts.items())
    words = f"{len(unfit)} of {asked} members are not fit ({said}); nothing was frozen"
    return MembersUnfit(words, {"counts": counts, "asked": asked, "members": unfit})


def _entries(tenant_id: UUID, ask: Wanted) -> dict[Pair, LakeEntry]:
    rows = LakeEntry.of(tenant_id).filter(table__in=ask.tables, instrument__in=ask.instruments)
    return {(row.table, row.instrument): row for row in rows}


def _standing(entries: dict[Pair, LakeEntry]) -> dict[Pair, tuple[int, datetime | None]]:
    return {pair: (entry.revision, entry.updated_at) for pair, entry in entries.items()}


def _segments(entries: dict[Pair, LakeEntry], ask: Wanted) -> dict[UUID, list[LakeSegment]]:
    """Return each entry's segments that hold rows of the range, those of the revision that was read."""
    alive = Q(until_revision=None) | Q(until_revision__gt=F("entry__revision"))
    rows = LakeMember.objects.filter(
        alive,
        entry_id__in=[entry.id for entry in entries.values()],
        from_revision__lte=F("entry__revision"),
        t1_ns__gte=ask.start_ns,
        t0_ns__lt=ask.end_ns,
    ).select_related("segment")
    found: dict[UUID, list[LakeSegment]] = {}
    for row in rows.order_by("entry_id", "span_start_ns"):
        found.setdefault(row.entry_id, []).append(row.segment)
    return found


def _describe(snapshot: Snapshot, held: list[frozen.Frozen]) -> None:
    segments = [segment for each in held for segment in each.segments]
    snapshot.entries, snapshot.segments = len(held), len(segments)
    snapshot.rows = sum(segment.rows for segment in segments)
    snapshot.size_bytes = sum(segment.size_bytes for segment in segments)
    snapshot.digest = manifests.digest(frozen.manifest(snapshot.start_ns, snapshot.end_ns, held))


def _write(snapshot: Snapshot, held: list[frozen.Frozen]) -> None:
    rows = [(each, segment) for each in held for segment in (each.segments or [None])]  # type: ignore[list-item]
    members = [
        SnapshotMember(
            snapshot=snapshot,
            number=number,
            entry=each.entry,
            revision=each.revision,
            segment=segment,
            grade=each.grade,
            fetched_at=each.fetched_at,
        )
        for number, (each, segment) in enumerate(rows)
    ]
    try:
        SnapshotMember.objects.bulk_create(members, batch_size=1000)
        if connection.vendor == "postgresql":  # else what a collection took meanwhile is missed at the commit only
            connection.check_constraints()
    except IntegrityError as gone:
        raise _busy("a segment was collected while it was being frozen", snapshot.name) from gone
