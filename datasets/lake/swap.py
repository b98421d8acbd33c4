"""The transaction that makes a commit visible: entries by compare-and-swap, then members, ledger and quarantine.

Everything else has been done and is durable. An entry whose revision moved since it was read undoes all of it (Moved).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, Sum

from datasets.lake import absences, ledger, rules, state, twins
from datasets.lake.offers import Offer
from datasets.market import ranges, tables
from datasets.models import LakeCommit, LakeEntry, LakeMember, LakeQuarantine, LakeRevision, LakeSegment
from datasets.storage import layout
from tradenexus import db, failpoints
from tradenexus.actor import Actor
from tradenexus.events import outbox

SHOWN = 50


class Moved(Exception):
    """Another commit was first; nothing was written."""


def standing(tenant_id: UUID, digests: Iterable[str]) -> dict[str, LakeSegment]:
    """Return the segments that are in the catalog already, by digest."""
    return {row.sha256: row for row in LakeSegment.of(tenant_id).filter(sha256__in=set(digests))}


def into_catalog(
    actor: Actor,
    commit: LakeCommit,
    offers: Sequence[Offer],
    bases: list[state.Base],
    found: list[dict[str, Any]],
    watch: twins.Watch,
    run: Any,
) -> LakeCommit:
    """Swap all entries of a commit in one transaction -> the commit, or the earlier one of its key; Moved if late.

    Late is also who finds that other instruments' commits brought the same rows since they were looked for.
    """
    with run.effect() if run else db.atomic():
        commit.created_at = db.now()
        if not _claimed(commit):
            return LakeCommit.of(actor.tenant_id).get(key=commit.key)
        entries = [_entry(base) for base in bases]
        for entry, base, offer, work in zip(entries, bases, offers, found, strict=True):
            _advance(entry, base, offer, work, commit.created_at)
        segments = _segments(commit, entries, found)
        _members(entries, found, segments)
        ledger.write(commit, entries, offers, found)
        twins.remember(entries, found)
        suspected = twins.suspect(entries, found)
        _quarantine(commit, entries, offers, found)
        _summarise(entries)
        _revisions(commit, entries, offers, found)
        commit.summary |= _summary(entries, found) | ({"suspected": suspected} if suspected else {})
        commit.summary |= absences.summary(entries, offers, found)
        LakeCommit.everyone.filter(id=commit.id).update(summary=commit.summary)
        failpoints.hit("lake.swapping")
        told = {name: commit.summary[name] for name in ("entries", "added", "replaced", "quarantined")}
        details = {**commit.summary, "source": commit.source, "key": commit.key}
        seq = outbox.record(actor, f"lake.{commit.operation}", commit.ref, new="committed", details=details, data=told)
        # The events are locked now: who came before is seen, who comes later sees this.
        if watch.appeared(seq, bases, found):
            raise Moved
    failpoints.hit("lake.swapped")
    return commit


def _claimed(commit: LakeCommit) -> bool:
    LakeCommit.everyone.bulk_create([commit], ignore_conflicts=True)
    return LakeCommit.everyone.filter(id=commit.id).exists()


def _entry(base: state.Base) -> LakeEntry:
    entry = base.entry
    if entry._state.adding:
        LakeEntry.everyone.bulk_create([entry], ignore_conflicts=True)
        if not LakeEntry.everyone.filter(id=entry.id).exists():
            raise Moved
        entry._state.adding = False
    return entry


def _advance(entry: LakeEntry, base: state.Base, offer: Offer, work: dict[str, Any], now: datetime) -> None:
    """Take the entry: no other commit may have moved it. Its revision rises only when its content does."""
    # Who fills gaps of the past says nothing of how fresh the entry is, nor whose its newest rows are.
    fills = offer.policy == rules.FILL and entry.fetched_at is not None
    if not fills:
        entry.fetched_at = max(filter(None, [entry.fetched_at, offer.fetched_at]))
        entry.vendor = offer.vendor
    read = entry.updated_at  # a commit that changed no row may have changed the coverage
    answered = [(each.start_ns, each.end_ns) for each in offer.benign]
    if offer.claims:
        answered.append((offer.start_ns, offer.end_ns))
    entry.coverage = [list(each) for each in ranges.union([*map(tuple, entry.coverage), *answered])]
    due = work["nextDueNs"]
    entry.expected_next = None if due is None else datetime.fromtimestamp(due / 1e9, UTC)
    entry.calendar, entry.updated_at = base.instrument.calendar, now
    new = entry.revision + bool(work["segments"])
    unmoved = LakeEntry.everyone.filter(id=entry.id, revision=entry.revision)
    unmoved = unmoved.filter(updated_at=read) if read else unmoved.filter(updated_at__isnull=True)
    took = unmoved.update(
        revision=new,
        fetched_at=entry.fetched_at,
        coverage=entry.coverage,
        expected_next=entry.expected_next,
        vendor=entry.vendor,
        calendar=entry.calendar,
        updated_at=now,
    )
    if not took:
        raise Moved
    entry.revision = new


def _segments(
    commit: LakeCommit, entries: list[LakeEntry], works: list[dict[str, Any]]
) -> dict[tuple[int, int], LakeSegment]:
    """Insert the new segments and take those again that stand already -> by (number of the work, span)."""
    rows = {}
    for number, (entry, work) in enumerate(zip(entries, works, strict=True)):
        for made in work["segments"]:
            rows[number, made["spanStartNs"]] = LakeSegment(
                tenant_id=commit.tenant_id,
                sha256=made["sha256"],
                footer=made["footer"],
                key=made["key"],
                table=entry.table,
                instrument=entry.instrument,
                schema_version=tables.find(entry.table).version,
                span_start_ns=made["spanStartNs"],
                rows=made["rows"],
                size_bytes=made["sizeBytes"],
                t0_ns=made["t0Ns"],
                t1_ns=made["t1Ns"],
                commit=commit,
                created_at=commit.created_at,
                verified_at=commit.created_at,
            )
    LakeSegment.everyone.bulk_create(rows.values(), ignore_conflicts=True, batch_size=200)
    # One that was about to be removed is in use again; the row lock settles it with the remover. One that was damaged
    # has been stored anew.
    digests = {row.sha256 for row in rows.values()}
    marked = Q(retired_at__isnull=False) | Q(damaged_at__isnull=False)
    LakeSegment.of(commit.tenant_id).filter(marked, sha256__in=digests).update(retired_at=None, damaged_at=None)
    kept = standing(commit.tenant_id, digests)
    for row in rows.values():
        own = row.key == layout.segment(commit.tenant_id, row.sha256, commit.id)
        found = kept[row.sha256]
        # Somebody else stored the same rows in between, under another key; or the segment that stood was removed as
        # garbage, and its bytes with it.
        if found.key != row.key or (found.commit_id == commit.id and not own):
            raise Moved
    return {place: kept[row.sha256] for place, row in rows.items()}


def _members(
    entries: list[LakeEntry], found: list[dict[str, Any]], segments: dict[tuple[int, int], LakeSegment]
) -> None:
    opened = []
    alike: dict[tuple[int, tuple[int, ...]], list[LakeEntry]] = {}
    for entry, work in zip(entries, found, strict=True):
        alike.setdefault((entry.revision, tuple(made["spanStartNs"] for made in work["segments"])), []).append(entry)
    for (revision, spans), some in alike.items():
        living = LakeMember.objects.filter(entry__in=some, until_revision=None, span_start_ns__in=spans)
        living.update(until_revision=revision)
    for number, (entry, work) in enumerate(zip(entries, found, strict=True)):
        for span in (made["spanStartNs"] for made in work["segments"]):
            segment = segments[number, span]
            opened.append(
                LakeMember(
                    entry=entry,
                    segment=segment,
                    span_start_ns=span,
                    t0_ns=segment.t0_ns,
                    t1_ns=segment.t1_ns,
                    from_revision=entry.revision,
                )
            )
    LakeMember.objects.bulk_create(opened, batch_size=200)


def _quarantine(
    commit: LakeCommit, entries: list[LakeEntry], offers: Sequence[Offer], found: list[dict[str, Any]]
) -> None:
    rows = []
    alike: dict[tuple[int, ...], list[LakeEntry]] = {}
    for entry, work in zip(entries, found, strict=True):
        alike.setdefault(tuple(each["day"] for each in work["partitions"] if each["rows"]), []).append(entry)
    for days, some in alike.items():
        entered = [ledger.to_date(day) for day in days]
        held = LakeQuarantine.everyone.filter(entry__in=some, state="held", session__in=entered)
        held.update(state="superseded", settled_at=commit.created_at)
    for entry, offer, work in zip(entries, offers, found, strict=True):
        for each in work["quarantine"]:
            rows.append(
                LakeQuarantine(
                    tenant_id=commit.tenant_id,
                    entry=entry,
                    session=ledger.to_date(each["day"]),
                    code=each["code"],
                    notes=each["notes"],
                    key=each["key"],
                    sha256=each["sha256"],
                    rows=each["rows"],
                    size_bytes=each["sizeBytes"],
                    vendor=offer.vendor,
                    fetched_at=offer.fetched_at,
                    commit=commit,
                    created_at=commit.created_at,
                )
            )
    LakeQuarantine.everyone.bulk_create(rows, ignore_conflicts=True, batch_size=200)


def _summarise(entries: list[LakeEntry]) -> None:
    """Write what the entries add up to now: rows, bytes, range, digest, grade and score."""
    members: dict[Any, list[tuple[int, int, str, int, int]]] = {entry.id: [] for entry in entries}
    rows = LakeMember.objects.filter(entry_id__in=members, until_revision=None).order_by("span_start_ns")
    wanted = ("t0_ns", "t1_ns", "segment__sha256", "segment__rows", "segment__size_bytes")
    for entry_id, *told in rows.values_list("entry_id", *wanted):
        members[entry_id].append(tuple(told))
    for entry in entries:
        held = members[entry.id]
        entry.rows = sum(count for _, _, _, count, _ in held)
        entry.size_bytes = sum(size for *_, size in held)
        entry.first_ns = held[0][0] if held else None
        entry.last_ns = held[-1][1] if held else None
        entry.digest = content_digest((sha256, count) for _, _, sha256, count, _ in held)
    ledger.tally(entries)
    fields = ["rows", "size_bytes", "first_ns", "last_ns", "digest", *ledger.TALLIED]
    # The rows are there: this is an update of many at once, without a condition a row and column as bulk_update makes.
    LakeEntry.everyone.bulk_create(
        entries, update_conflicts=True, unique_fields=["id"], update_fields=fields, batch_size=100
    )


def content_digest(segments: Iterable[tuple[str, int]]) -> str:
    """Return the digest of an entry's content: SHA-256 over its segments' digests and rows, in order."""
    listed = [[sha256, rows] for sha256, rows in segments]
    return hashlib.sha256(json.dumps(listed, separators=(",", ":")).encode()).hexdigest()


def _revisions(
    commit: LakeCommit, entries: list[LakeEntry], offers: Sequence[Offer], found: list[dict[str, Any]]
) -> None:
    LakeRevision.objects.bulk_create(
        (
            LakeRevision(
                entry=entry,
                number=entry.revision,
                commit=commit,
                digest=entry.digest,
                rows=entry.rows,
                changes=work["changes"],
                vendor=offer.vendor,
                created_at=commit.created_at,
            )
            for entry, offer, work in zip(entries, offers, found, strict=True)
            if work["segments"]
        ),
        batch_size=200,
    )


def _summary(entries: list[LakeEntry], found: list[dict[str, Any]]) -> dict[str, Any]:
    changed = sum(bool(work["segments"]) for work in found)
    counts = {
        name: sum(work["changes"][name] for work in found) for name in ("added", "replaced", "unchanged", "removed")
    }
    shown = [
        {
            "entry": f"{entry.table}/{entry.instrument}",
            "revision": entry.revision,
            "changed": bool(work["segments"]),
            "quarantined": len(work["quarantine"]),
        }
        for entry, work in zip(entries[:SHOWN], found, strict=False)
    ]
    quarantined = sum(len(work["quarantine"]) for work in found)
    return {"entries": len(entries), "changed": changed, **counts, "quarantined": quarantined, "first": shown}


def total_bytes(tenant_id: UUID) -> int:
    """Return the bytes of all segments of a workspace, those of earlier revisions too."""
    return LakeSegment.of(tenant_id).aggregate(total=Sum("size_bytes"))["total"] or 0
