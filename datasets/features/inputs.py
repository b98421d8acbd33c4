"""What a build starts from: each instrument's bars as they are now, and what the newest build of them had read.

The key of a commit says it: feature, version, source entry, the revisions of bars and corporate actions, the setup
(calendar, zone), the digest of both contents and the build before. Commits are asked for by source, so the lake itself
remembers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Min, Q

from datasets.features.registry import Feature
from datasets.lake import adjusting, scan, state
from datasets.market.intervals import DAY
from datasets.models import Instrument, LakeCommit, LakeEntry, LakeMember, LakePartition, LakeRevision

OPERATION = "feature"


@dataclass(frozen=True)
class Source:
    """One instrument's input: its bars, its corporate actions (None: none known), and what was made of them so far."""

    entry: LakeEntry
    actions: LakeEntry | None
    setup: str
    from_ns: int | None  # rows at and after it are wanted; None: what stands is made of just these revisions
    after: str  # the build before, as a part of the next one's key: what was true, then not, may be true again

    @property
    def revisions(self) -> str:
        """Return the revisions read: bars, then actions."""
        return f"{self.entry.revision}.{self.actions.revision if self.actions else 0}"

    def made_of(self, feature: Feature) -> str:
        """Return the key of what is read; a commit's is this and the build before."""
        told = "|".join([self.entry.digest, self.actions.digest if self.actions else ""])
        digest = hashlib.sha256(told.encode()).hexdigest()[:24]
        return f"{_prefix(feature, self.entry)}{self.revisions}:{self.setup}:{digest}"


def entries(
    tenant_id: UUID, feature: Feature, chosen: Sequence[str], instruments: Sequence[str] | None
) -> list[LakeEntry]:
    """Return the entries to read, by instrument: those of the chosen tables that are their instrument's first input."""
    rows = LakeEntry.of(tenant_id).filter(table__in=feature.inputs, rows__gt=0)
    if instruments is not None:
        rows = rows.filter(instrument__in=instruments)
    first: dict[str, LakeEntry] = {}
    for row in sorted(rows, key=lambda row: feature.inputs.index(row.table)):
        first.setdefault(row.instrument, row)
    return [first[name] for name in sorted(first) if first[name].table in chosen]


def sources(tenant_id: UUID, feature: Feature, some: Sequence[LakeEntry], *, full: bool = False) -> list[Source]:
    """Return the entries with what is to be done for each; `full` asks for every row again."""
    names = [entry.instrument for entry in some]
    held = {row.instrument: row for row in _entries(tenant_id, feature.table, names)}
    actions = {row.instrument: row for row in _entries(tenant_id, state.ACTIONS, names)}
    zones = Instrument.of(tenant_id).filter(name__in=names, valid_until=None).values_list("name", "timezone")
    zone, made = dict(zones), _made(tenant_id, feature, some)
    found = []
    for entry in some:
        told = f"{entry.calendar}|{zone.get(entry.instrument, 'UTC')}"
        setup = hashlib.sha256(told.encode()).hexdigest()[:8]
        events = actions.get(entry.instrument)
        standing = held.get(entry.instrument)
        key, after = made.get(entry.ref, ("", "first"))
        known = None if full or standing is None else _known(key, setup)
        begin = 0 if known is None else _begin(known, entry, events, standing)
        found.append(Source(entry, events, setup, begin, after))
    return found


def steps(source: Source) -> dict[str, list[float]] | None:
    """Return what each corporate action does to prices and volume from its date on (adjustment `all`)."""
    change = adjusting.of_entry(source.entry, adjusting.ALL)
    if change is None or not len(change.days):
        return None
    told = {"days": change.days, "prices": change.price_steps, "volumes": change.volume_steps}
    return {name: values.tolist() for name, values in told.items()}


def members(source: Source) -> list[Any]:
    """Return the segments of the bars, in order."""
    return scan.locate(source.entry).segments


def _entries(tenant_id: UUID, table: str, names: Sequence[str]) -> Any:
    return LakeEntry.of(tenant_id).filter(table=table, instrument__in=names, rows__gt=0)


def _prefix(feature: Feature, entry: LakeEntry) -> str:
    return f"feature:{feature.name}:{feature.version}:{entry.ref}:"


def _made(tenant_id: UUID, feature: Feature, some: Sequence[LakeEntry]) -> dict[str, tuple[str, str]]:
    """Return key and mark of the newest build, by the ref of its source."""
    rows = LakeCommit.of(tenant_id).filter(source__in=[entry.ref for entry in some], operation=OPERATION)
    rows = rows.filter(key__startswith=f"feature:{feature.name}:{feature.version}:").order_by("created_at", "id")
    return {source: (key, made.hex[-8:]) for source, key, made in rows.values_list("source", "key", "id")}


def _known(key: str, setup: str) -> tuple[int, int] | None:
    """Return the revisions that a key names; None without one, or when days are counted otherwise now."""
    if not key or key.split(":")[5] != setup:
        return None
    bars, actions = key.split(":")[4].split(".")
    return int(bars), int(actions)


def _begin(
    known: tuple[int, int], entry: LakeEntry, events: LakeEntry | None, standing: LakeEntry | None
) -> int | None:
    """Return from when on rows are wanted: after the last one, or from the first session that changed since."""
    if known == (entry.revision, events.revision if events else 0):
        return None
    last = standing.last_ns if standing and standing.last_ns is not None else -1
    changed = [_changed(entry, known[0])]
    if events:
        first = _changed(events, known[1])
        # an action is stamped at UTC midnight of its date, the bar of that date perhaps a few hours before
        changed.append(None if first is None else first - DAY)
    return min([last + 1, *(each for each in changed if each is not None)])


def _changed(entry: LakeEntry, since: int) -> int | None:
    """Return a time at or before the first row that is not as it was at a revision."""
    later = LakeRevision.objects.filter(entry=entry, number__gt=since)
    at = later.aggregate(first=Min("created_at"))["first"]
    if at is None:
        return None
    # by time, not by commit: one that changed nothing may have written its name over one that did
    touched = LakePartition.objects.filter(entry=entry, commit__created_at__gte=at, rows__gt=0)
    first: int | None = touched.aggregate(first=Min("first_ns"))["first"]
    if first is not None:
        return first
    moved = LakeMember.objects.filter(entry=entry).filter(Q(from_revision__gt=since) | Q(until_revision__gt=since))
    return moved.aggregate(first=Min("span_start_ns"))["first"]
