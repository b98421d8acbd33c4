"""Of two repairs at once, one asks for a stretch: who wrote its range down first holds it while its job lives.

The other one ends its own range there, and names who holds it; what somebody else settled while it looked for gaps it
takes over with its outcome. Ranges are written down under the workspace's event number, which one transaction at a time
holds: of two at the same moment one sees the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import Q, QuerySet

from backfill.models import RepairItem, RepairRun, RepairState
from backfill.models.repair import UNSETTLED
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import Conflict
from tradenexus.events import outbox
from tradenexus.jobs.models import LIVE

TAKEN = (RepairState.REPAIRED, RepairState.PARTLY, RepairState.NO_DATA, RepairState.QUARANTINED)


class UnderWay(Conflict):
    """Another repair, which `message` names, asks for this range at the moment. Look there what becomes of it."""

    code = "REPAIR_UNDER_WAY"


def divide(actor: Actor, repair: RepairRun, items: Sequence[RepairItem], since: datetime) -> list[RepairItem]:
    """Return a repair's new items (not saved) with those parts ended that others hold or settled `since` then.

    In the transaction that writes them down, which holds the workspace's events from here on.
    """
    if repair.plan or not items:
        return list(items)
    outbox.record(actor, "repair.detected", repair.ref, new="working", details={"ranges": len(items)})
    settled = Q(state__in=TAKEN, settled_at__gte=since)
    beside: dict[tuple[str, str], list[RepairItem]] = defaultdict(list)
    for other in _others(repair, _open() | settled):
        beside[other.table, other.instrument].append(other)
    parts = [part for item in items for part in _parts(item, beside[item.table, item.instrument])]
    for number, part in enumerate(parts, 1):
        part.number = number
    return parts


def give_way(actor: Actor, repair: RepairRun) -> None:
    """End those open items of a repair that others hold by now; in the transaction that opened them again."""
    outbox.record(actor, "repair.reopened", repair.ref, old="finished", new="working")
    others = list(_others(repair, _open()))
    for item in RepairItem.objects.filter(run=repair, state__in=UNSETTLED):
        held = [each for each in others if str(each) == str(item) and _meet(each, item.start_ns, item.end_ns)]
        if held:
            ended = RepairItem.objects.filter(id=item.id, state__in=UNSETTLED)
            ended.update(settled_at=db.now(), landed={}, **_outcome(held[0]))


def _open() -> Q:
    return Q(state__in=UNSETTLED, run__finished_at=None, run__job__state__in=LIVE)


def _others(repair: RepairRun, which: Q) -> QuerySet[RepairItem]:
    rows = RepairItem.objects.filter(which, run__tenant_id=repair.tenant_id, run__plan=False)
    return rows.exclude(run=repair).select_related("run").order_by("run_id", "number")


def _parts(item: RepairItem, others: list[RepairItem]) -> Iterator[RepairItem]:
    """Yield an item cut where gaps that another one has begin and end."""

    def whose(gap: list[Any]) -> int | None:
        return next((at for at, other in enumerate(others) if _meet(other, gap[0], gap[1])), None)

    for at, some in groupby(item.gaps, key=whose):
        gaps = list(some)
        part = RepairItem(
            run=item.run,
            table=item.table,
            instrument=item.instrument,
            kind=gaps[0][3],
            start_ns=gaps[0][0],
            end_ns=gaps[-1][1],
            missing=sum(gap[2] for gap in gaps),
            gaps=gaps,
            state=item.state,
        )
        if at is not None:
            part.settled_at = db.now()
            for name, value in _outcome(others[at]).items():
                setattr(part, name, value)
        yield part


def _outcome(other: RepairItem) -> dict[str, str]:
    """Return how a range ends that another item has: by its outcome, or as one that is being repaired already."""
    if other.state in UNSETTLED:
        told = UnderWay(f"already being repaired by {other.run.ref}")
        return {"state": RepairState.LEFT, "code": told.code, "reason": told.message}
    words = f"{other.run.ref} came to it at the same time" + (f": {other.reason}" if other.reason else "")
    return {"state": other.state, "code": other.code, "reason": words[:2000]}


def _meet(other: RepairItem, start_ns: int, end_ns: int) -> bool:
    return other.start_ns < end_ns and start_ns < other.end_ns
