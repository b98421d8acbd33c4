"""Outcomes of a repair: what became of each range, and when all of it is finished."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count, Sum

from backfill.models import RepairItem, RepairRun, RepairState
from backfill.models.repair import UNSETTLED
from backfill.repair import holding
from backfill.vendors.errors import NoData
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import ProblemError
from tradenexus.events import outbox
from tradenexus.jobs.models import Job


def conclude(item: RepairItem, over: str = "", doubt: str = "") -> None:
    """End an open item by what its vendors answered; `over` says why no more of them is asked. In the job's effect.

    `doubt` says why some of its sessions are not called empty.
    """
    state, code, reason = outcome(item, over)
    said = {each["vendor"]: len(each["absent"]) for each in item.asked if each.get("absent")}
    count = f"{sum(said.values())} session{'' if sum(said.values()) == 1 else 's'}"
    words = f"the vendor says that nothing was traded in {count} ({', '.join(said)})" if said else reason
    still = f"still missing: {doubt}" if doubt and state in (RepairState.NO_DATA, RepairState.PARTLY) else ""
    reason = "; ".join(each for each in (words, still) if each)
    end(item, state, code=code, reason=reason[:2000], asked=item.asked, gaps=item.gaps, filled=item.filled, landed={})


def outcome(item: RepairItem, over: str = "") -> tuple[str, str, str]:
    """Return (state, code, reason) of an item as it is."""
    if not item.gaps:
        return RepairState.REPAIRED, "", ""
    faults = [each for each in item.asked if each["code"] not in ("", NoData.code)]
    last = (faults or item.asked or [{"code": "", "reason": over}])[-1]
    reason = f"{last['vendor']}: {last['reason']}" if "vendor" in last else last["reason"]
    reason = "; ".join(each for each in (reason, over if item.asked else "") if each)
    if any(each["held"] for each in item.asked):
        return RepairState.QUARANTINED, "", reason
    if item.filled:
        return RepairState.PARTLY, last["code"], reason
    if over:
        return RepairState.LEFT, last["code"], reason
    if faults:
        return RepairState.FAILED, last["code"], reason
    return RepairState.NO_DATA, NoData.code, reason


def benign(item: RepairItem) -> bool | None:
    """Tell whether no vendor says that it should have what an item lacks; None when there was rather something else."""
    if item.state != RepairState.NO_DATA:
        return None
    return all(each["benign"] for each in item.asked)


def end(item: RepairItem, state: str, **facts: Any) -> None:
    """Move an open item to its end, once."""
    open_ = RepairItem.objects.filter(id=item.id, state__in=UNSETTLED)
    open_.update(state=state, settled_at=db.now(), **facts)


def counts(repair: RepairRun) -> dict[str, int]:
    """Return how many items of a run are in each state."""
    return figures([repair])[repair.id][0]


def filled(repair: RepairRun) -> int:
    """Return how many of the missing rows came into the lake."""
    return figures([repair])[repair.id][1]


def figures(repairs: Sequence[RepairRun]) -> dict[UUID, tuple[dict[str, int], int]]:
    """Return of each run how many items are in each state, and how many rows were filled; one query for all."""
    told = {repair.id: (dict.fromkeys(RepairState.values, 0), [0]) for repair in repairs}
    rows = RepairItem.objects.filter(run__in=list(told)).order_by().values_list("run_id", "state")
    for run_id, state, count, total in rows.annotate(Count("id"), Sum("filled")):
        told[run_id][0][state] = count
        told[run_id][1][0] += total
    return {run_id: (states, totals[0]) for run_id, (states, totals) in told.items()}


def close(actor: Actor, repair: RepairRun) -> None:
    """Finish a run of which no item is open; inside a transaction."""
    counted = counts(repair)
    if any(counted[state] for state in UNSETTLED):
        return
    done = RepairRun.of(repair.tenant_id).filter(id=repair.id, finished_at=None).update(finished_at=db.now())
    if done:
        told = {**counted, "left": counted["left"] + repair.found.get("left", 0)}
        outbox.record(actor, "repair.finished", repair.ref, old="working", new="finished", details=told, data=told)


def state_of(repair: RepairRun) -> str:
    """Return working or finished."""
    return "finished" if repair.finished_at else "working"


def give_up(job: Job, actor: Actor, error: ProblemError) -> None:
    """End what a job leaves open when it ends, in the transaction that ends it; a vendor's own words are kept."""
    for repair in RepairRun.of(actor.tenant_id).filter(job=job, finished_at=None):
        for item in RepairItem.objects.filter(run=repair, state__in=UNSETTLED):
            told = {"code": item.code or error.code, "reason": item.reason or error.message[:2000]}
            end(item, RepairState.PARTLY if item.filled else RepairState.FAILED, landed={}, **told)
        if not repair.detected_at:
            found = {**repair.found, "error": {"code": error.code, "message": error.message[:2000]}}
            RepairRun.of(actor.tenant_id).filter(id=repair.id).update(found=found)
        close(actor, repair)


def reopen(job: Job, actor: Actor) -> None:
    """Put what failed of a retried job's repair in line again, in the transaction that queues it."""
    for repair in RepairRun.of(actor.tenant_id).filter(job=job):
        found = {name: value for name, value in repair.found.items() if name != "error"}
        RepairRun.of(actor.tenant_id).filter(id=repair.id).update(finished_at=None, found=found)
        failed = RepairItem.objects.filter(run=repair, state=RepairState.FAILED)
        failed.update(state=RepairState.PENDING, asked=[], landed={}, code="", reason="", settled_at=None)
        holding.give_way(actor, repair)
