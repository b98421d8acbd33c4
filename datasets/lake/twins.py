"""Finds bars of a commit that stand in the lake under another instrument's name, by their marks; no segment is read.

Only sessions with something new are asked for: what stands was judged when it entered. What is found is a suspicion: a
child compares the rows themselves (`contamination`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Q

from datasets.engine import handover
from datasets.lake import ledger, rules, state
from datasets.market import dates, tables
from datasets.models import LakeEntry, LakeMember, LakePartition, LakeSketch
from datasets.storage import blobs
from tradenexus.audit.models import Head
from tradenexus.events.models import Event

AT_ONCE = 2_000  # marks, or sessions, that one statement asks for
Asked = tuple[int, UUID, dict[str, Any]]  # number of the work, its entry, what is remembered of a session
Found = dict[tuple[int, UUID], set[int]]  # (number of the work, the other entry) -> days


@dataclass
class Watch:
    """What was looked at for a commit: up to which event of the workspace, and whom its rows were compared with."""

    tenant_id: UUID
    seq: int
    compared: Found = field(default_factory=dict)

    def appeared(self, upto: int, bases: Sequence[state.Base], found: Sequence[dict[str, Any]]) -> bool:
        """Tell whether rows like these entered since, when the workspace's events are held at the number `upto`."""
        since = Event.of(self.tenant_id).filter(seq__gt=self.seq, seq__lt=upto, type__startswith="lake.")
        if not since.exists():
            return False
        ours = {base.entry.id for base in bases}  # compared with each other; a change of theirs since is seen elsewhere
        for (number, other), days in find(self.tenant_id, bases, found).items():
            if other not in ours and not days <= self.compared.get((number, other), set()):
                return True
        return False


def watch(tenant_id: UUID) -> Watch:
    """Return a watch from now on: every commit of the workspace up to now can be seen."""
    head = Head.objects.filter(tenant_id=tenant_id).values_list("event_seq", flat=True).first()
    return Watch(tenant_id, head or 0)


def find(tenant_id: UUID, bases: Sequence[state.Base], found: Sequence[dict[str, Any]]) -> Found:
    """Return which other entries have sessions with the marks of fresh ones of these works."""
    asked: dict[str, list[Asked]] = defaultdict(list)
    for number, (base, work) in enumerate(zip(bases, found, strict=True)):
        fresh = [each for each in work["remembered"].values() if each["fresh"]]
        asked[base.entry.table] += [(number, base.entry.id, each) for each in fresh]
    pairs: Found = defaultdict(set)
    for table, sessions in asked.items():
        search = _whole if tables.find(table).interval == "1d" else _within
        for at in range(0, len(sessions), AT_ONCE):
            for number, other, day in search(tenant_id, table, sessions[at : at + AT_ONCE]):
                pairs[number, other].add(day)
    return dict(pairs)


def _whole(tenant_id: UUID, table: str, sessions: list[Asked]) -> Iterator[tuple[int, UUID, int]]:
    by_mark = defaultdict(list)
    for number, entry_id, each in sessions:
        by_mark[each["mark"]].append((number, entry_id, each["day"]))
    rows = LakePartition.objects.filter(mark__in=list(by_mark), entry__table=table, entry__tenant_id=tenant_id)
    for mark, other in rows.values_list("mark", "entry_id"):
        for number, entry_id, day in by_mark[mark]:
            if other != entry_id:
                yield number, other, day


def _within(tenant_id: UUID, table: str, sessions: list[Asked]) -> Iterator[tuple[int, UUID, int]]:
    """Look for marks in the sketches of the same sessions whose prices overlap."""
    import numpy as np

    own = {entry_id for _, entry_id, _ in sessions}
    rows = LakeSketch.objects.filter(
        table=table,
        entry__tenant_id=tenant_id,
        session__in=[dates.to_date(day) for day in {each["day"] for _, _, each in sessions}],
        low__lte=max(each["high"] for _, _, each in sessions),
        high__gte=min(each["low"] for _, _, each in sessions),
    )
    if len(own) == 1:
        rows = rows.exclude(entry_id__in=own)
    others = [(row[0], dates.to_day(row[1]), bytes(row[2])) for row in rows.values_list("entry_id", "session", "marks")]
    if not others:
        return
    at = {entry_id: place for place, entry_id in enumerate(own | {other for other, _, _ in others})}
    mine, own_mine = _marks([(at[entry_id], each["sketch"]) for _, entry_id, each in sessions])
    theirs, own_theirs = _marks([(at[other], told) for other, _, told in others])
    whose = np.repeat(np.arange(len(others)), [len(told) // 8 for _, _, told in others])
    # an entry that changes has most marks in common with itself: those are not meant
    foreign = np.isin(theirs, mine) & ~np.isin(own_theirs, own_mine)
    by_day = defaultdict(list)
    for number, entry_id, each in sessions:
        by_day[each["day"]].append((number, entry_id, np.frombuffer(each["sketch"], "<u8")))
    for place in np.unique(whose[foreign]).tolist():
        other, day, told = others[place]
        for number, entry_id, marks in by_day[day]:
            if entry_id != other and np.isin(marks, np.frombuffer(told, "<u8")).any():
                yield number, other, day


def _marks(sketches: list[tuple[int, bytes]]) -> tuple[Any, Any]:
    """Return the marks of sketches, and the same marks with whose they are mixed in."""
    import numpy as np

    marks = np.concatenate([np.frombuffer(told, "<u8") for _, told in sketches])
    owner = np.repeat(np.array([at for at, _ in sketches], np.uint64), [len(told) // 8 for _, told in sketches])
    return marks, marks ^ (owner + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)


def given(pairs: Found, stack: ExitStack) -> dict[int, list[dict[str, Any]]]:
    """Return what a child needs to compare with these entries, by the number of the work; files live with the stack."""
    entries = {entry.id: entry for entry in LakeEntry.everyone.filter(id__in={other for _, other in pairs})}
    told: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for (number, other), days in pairs.items():
        members = [
            {"path": handover.reads(stack.enter_context(blobs.local(each.segment.key))), "sha256": each.segment.sha256}
            for each in _around(entries[other], days)
            if not each.segment.damaged_at
        ]
        named = {"entry": str(other), "instrument": entries[other].instrument, "calendar": entries[other].calendar}
        told[number].append({**named, "members": members})
    return told


def _around(entry: LakeEntry, days: set[int]) -> list[LakeMember]:
    """Return the members in force that hold these sessions, and those beside them: they say what fits the entry."""
    members = LakeMember.objects.filter(entry=entry, until_revision=None).select_related("segment")
    ordered = list(members.order_by("span_start_ns"))
    first, last = (min(days) - 1) * dates.DAY, (max(days) + 2) * dates.DAY
    holding = [place for place, each in enumerate(ordered) if each.t1_ns >= first and each.t0_ns < last]
    return ordered[max(0, holding[0] - 1) : holding[-1] + 2] if holding else []


def remember(entries: Sequence[LakeEntry], found: Sequence[dict[str, Any]]) -> None:
    """Write the sketches of intraday sessions; in the commit's transaction. Marks of daily ones stand in the ledger."""
    rows = [
        LakeSketch(
            entry=entry,
            table=entry.table,
            session=dates.to_date(day),
            low=each["low"],
            high=each["high"],
            marks=each["sketch"],
        )
        for entry, work in zip(entries, found, strict=True)
        for day, each in work["remembered"].items()
        if each["sketch"] and each["stands"]
    ]
    LakeSketch.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["entry", "session"],
        update_fields=["low", "high", "marks"],
    )


def suspect(entries: Sequence[LakeEntry], found: Sequence[dict[str, Any]]) -> int:
    """Note in the ledger of what stands that other instruments brought the same rows -> how many sessions are new."""
    written = {
        (entry.id, each["day"]) for entry, work in zip(entries, found, strict=True) for each in work["partitions"]
    }
    notes: dict[UUID, dict[int, str]] = defaultdict(dict)
    for work in found:
        for each in work["suspected"]:
            if (UUID(each["entry"]), each["day"]) not in written:
                notes[UUID(each["entry"])][each["day"]] = each["note"]
    changed = 0
    for entry in LakeEntry.everyone.filter(id__in=notes):
        days = notes[entry.id]
        sessions = LakePartition.objects.filter(
            Q(rows__gt=0), entry=entry, session__in=[dates.to_date(day) for day in days]
        )
        rows = [row for row in sessions if rules.SUSPECT not in row.codes]
        for row in rows:
            row.codes = rules.gravest([*(code for code in row.codes if code != "OK"), rules.SUSPECT])
            row.code, row.status = row.codes[0], rules.STATUS[row.codes[0]]
            row.score = rules.score(row.codes, row.rows, -1 if row.expected is None else row.expected)
            row.notes = "; ".join(filter(None, [row.notes, days[dates.to_day(row.session)]]))[:2000]
        LakePartition.objects.bulk_update(rows, ["codes", "code", "status", "score", "notes"], batch_size=500)
        ledger.tally([entry])
        LakeEntry.everyone.filter(id=entry.id).update(**{name: getattr(entry, name) for name in ledger.TALLIED})
        changed += len(rows)
    return changed


def take(found: list[dict[str, Any]], path: str) -> None:
    """Give each work what is remembered of its sessions, as a child wrote it: `remembered` by day."""
    from datasets.lake import marking

    for work in found:
        work["remembered"] = {}
    for each in marking.read(path):
        found[each["number"]]["remembered"][each["day"]] = each
