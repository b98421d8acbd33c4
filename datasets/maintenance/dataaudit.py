"""The data audit: drift of the newest sessions against an entry's history, and all of it judged by today's rules.

Drift is a finding for people, no verdict; a session in the lake that today's rules would refuse (TOXIC, BAD_VALUES) is
one, unless a reviewer let it in. Nothing is changed: who agrees overrides the session in the ledger or restates it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any
from uuid import UUID

from django.conf import settings

from datasets.engine import children, executor, handover
from datasets.lake import commit, scan, sound, state
from datasets.maintenance import records
from datasets.maintenance.fsck import Watch, unwatched
from datasets.market import dates, instruments, tables
from datasets.models import Instrument, LakeEntry, LakeMember, LakePartition, LakeSegment
from datasets.storage import blobs
from tradenexus import db

EVERY_S = 7 * 86_400.0
NEWEST = 20  # sessions that are held against the history
_ENTRIES = 20  # a child
_FILES = {"day": 80, "month": 13, "year": 3}  # how much history is read, by the span of a table's segments


def audit(tenant_id: UUID, *, whole: bool = False, watch: Watch = unwatched) -> dict[str, Any]:
    """Audit every entry of a workspace (`whole`: all of its history); `ok` when no session would be refused."""
    told: dict[str, Any] = {"ok": True, "entries": 0, "sessions": 0}
    drifted, toxic, unreadable = [], [], []
    entries = LakeEntry.of(tenant_id).filter(rows__gt=0).order_by("table", "instrument").iterator(500)
    while some := list(islice(entries, _ENTRIES)):
        for entry, found in zip(some, _read(tenant_id, some, whole, watch), strict=True):
            told["entries"] += 1
            told["sessions"] += found["sessions"]
            drifted += list(_drifted(entry, found["drift"]))
            toxic += list(_toxic(entry, found["red"]))
            if found["unreadable"]:
                unreadable.append({"subject": entry.ref, "entry": str(entry), "fault": found["unreadable"]})
    told["ok"] = not toxic and not unreadable
    for name, findings in (("drifted", drifted), ("toxic", toxic), ("unreadable", unreadable)):
        told[name] = {"count": len(findings), "first": findings[: records.SHOWN]}
    return told


def _read(tenant_id: UUID, entries: list[LakeEntry], whole: bool, watch: Watch) -> list[dict[str, Any]]:
    described = {
        row.name: row
        for row in Instrument.of(tenant_id).filter(name__in={e.instrument for e in entries}, valid_until=None)
    }
    with ExitStack() as stack:
        works, faults = [], {}
        for entry in entries:
            try:
                works.append(_work(entry, described.get(entry.instrument), whole, stack))
            except (scan.SegmentDamaged, blobs.BlobMissing) as fault:
                faults[entry.id] = {"sessions": 0, "drift": {}, "red": [], "unreadable": fault.message}
        found = iter(_in_child(works, watch) if works else [])
        return [faults.get(entry.id) or next(found) for entry in entries]


def _in_child(works: list[dict[str, Any]], watch: Watch) -> list[dict[str, Any]]:
    def tell(number: int, said: dict[str, Any]) -> None:
        watch(said["phase"], -1)

    (found,) = executor.run(
        settings.NEXUS_COMPUTE,
        "datasets.maintenance.auditing:audit",
        [{"entries": works, "rules": commit.current_rules().as_dict(), "newest": NEWEST}],
        limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES),
        on_message=tell,
        cancelled=lambda: False,
    )
    return list(found)


def _work(entry: LakeEntry, instrument: Instrument | None, whole: bool, stack: ExitStack) -> dict[str, Any]:
    def local(segment: LakeSegment) -> handover.Input:
        return handover.reads(stack.enter_context(sound.local(segment)))

    members = LakeMember.objects.filter(entry=entry, until_revision=None).select_related("segment")
    read = list(members.order_by("-span_start_ns")[: None if whole else _FILES[tables.find(entry.table).span]])
    actions = LakeMember.objects.filter(
        entry__tenant_id=entry.tenant_id,
        entry__table=state.ACTIONS,
        entry__instrument=entry.instrument,
        until_revision=None,
    ).select_related("segment")
    return {
        "table": entry.table,
        "calendar": entry.calendar,
        "signed": bool(instrument and instrument.type in instruments.SIGNED),
        "paths": [local(each.segment) for each in reversed(read)],
        "actions": [local(each.segment) for each in actions],
    }


def _drifted(entry: LakeEntry, found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for what, figures in found.items():
        if figures["drifted"]:
            yield {"subject": entry.ref, "entry": str(entry), "what": what, **figures}


def _toxic(entry: LakeEntry, red: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    days = [dates.to_date(each["day"]) for each in red]
    let_in = LakePartition.objects.filter(entry=entry, session__in=days, override_until__gt=db.now())
    accepted = set(let_in.exclude(override_status="RED").values_list("session", flat=True))
    for day, each in zip(days, red, strict=True):
        if day not in accepted:
            yield {"subject": entry.ref, "entry": str(entry), "session": day.isoformat(), **each}
