"""Writes to the lake's ledger that nothing was traded, as a repair heard it from vendors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backfill.models import RepairItem, RepairRun
from backfill.repair.asking import told as answer_of
from backfill.repair.witnesses import Silence
from backfill.vendors.errors import NoData
from datasets.engine.children import ChildCancelled
from datasets.lake import absences, commit, scan
from datasets.market import dates
from datasets.models import LakeCommit, LakePartition
from tradenexus import failpoints
from tradenexus.errors import ProblemError, Unavailable
from tradenexus.jobs.errors import Cancelled, LeaseLost
from tradenexus.jobs.registry import RetryLater

Told = tuple[RepairItem, Silence]


def write(run: Any, repair: RepairRun, group: Sequence[Told], room: Path) -> dict[int, str]:
    """Commit what witnesses say of at most one item an entry -> why sessions are missing still, by item.

    What was written is noted in the answers of the items, which the caller saves. Done again it is the same commit.
    """
    try:
        made = commit.commit(
            run.actor,
            [silence.offer(item) for item, silence in group],
            operation="repair",
            key=_key(repair, group),
            room=room,
            source=repair.ref,
            run=run,
        )
    except (Cancelled, LeaseLost, ChildCancelled):
        raise
    except ProblemError as refused:
        return _not_taken(run, repair, group, room, refused)
    failpoints.hit("repair.absent")
    doubts = {item.id: _entered(repair, item, silence, made) for item, silence in group}
    return {number: words for number, words in doubts.items() if words}


def _not_taken(run: Any, repair: RepairRun, group: Sequence[Told], room: Path, refused: ProblemError) -> dict[int, str]:
    """One of many is to blame: alone, each answers for itself."""
    if refused.status == Unavailable.status or isinstance(refused, commit.LakeBusy):
        raise RetryLater(f"{refused.code}: {refused.message}") from refused
    if len(group) == 1:
        return {group[0][0].id: f"{refused.code}: {refused.message}"[:500]}
    doubts: dict[int, str] = {}
    for number, each in enumerate(group):
        doubts |= write(run, repair, [each], room / str(number))
    return doubts


def _entered(repair: RepairRun, item: RepairItem, silence: Silence, made: LakeCommit) -> str:
    """Note in an item's answers what the ledger says now -> what contradicts the witness, if anything does."""
    entry = scan.entry_of(repair.tenant_id, item.table, item.instrument)
    named = [dates.to_date(each.day) for each in silence.absences]
    rows = LakePartition.objects.filter(entry=entry, session__in=named, rows=0).order_by("session")
    sessions = {row.session: row for row in rows}
    written = [str(day) for day, row in sessions.items() if row.code == absences.NO_DATA]
    answer = next((each for each in item.asked if each["vendor"] == silence.vendor), None)
    if answer is None:
        answer = answer_of(silence.vendor, code=NoData.code, reason="it answered so before")
        answer["answeredAt"] = silence.said_at.isoformat()
        item.asked = [*item.asked, answer]
    others = [row.notes or f"{day} is {row.code}" for day, row in sessions.items() if row.code != absences.NO_DATA]
    answer |= {"absent": written, "benign": not others, "commitId": answer["commitId"] or made.ref}
    return others[0] if others else ""


def _key(repair: RepairRun, group: Sequence[Told]) -> str:
    content = sorted([item.id, silence.vendor, *(each.day for each in silence.absences)] for item, silence in group)
    return f"{repair.ref}:absent:{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:40]}"
