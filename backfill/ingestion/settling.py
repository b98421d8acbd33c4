"""Outcomes: what became of an item, what was found of its rows, and when a run of ingestion is finished."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from django.db.models import Count

from backfill.models import IngestItem, IngestRun, ItemState
from backfill.models.ingest import OPEN
from backfill.vendors import errors
from datasets.models import Grade, LakeCommit, LakeEntry, LakePartition, LakeQuarantine
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import ProblemError
from tradenexus.events import outbox
from tradenexus.jobs.models import Job

# What follows from a vendor's answer; an error that does not stand here ends its item as failed.
OUTCOMES: dict[type[ProblemError], str] = {
    errors.NoData: ItemState.NO_DATA,
    errors.NotEntitled: ItemState.FAILED,
    errors.Malformed: ItemState.FAILED,
    errors.AccessDenied: ItemState.FAILED,  # and with it all that is still to be asked of the vendor
}
# These keep the item open: it is tried again.
AGAIN = (errors.RateLimited, errors.Transient)
_DAY_NS = 86_400_000_000_000
_SHOWN = 20


def refused(item: IngestItem, problem: ProblemError) -> None:
    """End an item without rows of it in the lake; inside the job's effect."""
    end(item, OUTCOMES.get(type(problem), ItemState.FAILED), code=problem.code, reason=problem.message[:2000])


def end(item: IngestItem, state: str, **facts: Any) -> None:
    """Move an open item to its end, once."""
    IngestItem.objects.filter(id=item.id, state__in=OPEN).update(state=state, settled_at=db.now(), **facts)


def entered(item: IngestItem, made: LakeCommit) -> None:
    """End an item whose rows a commit took, with what was found of them; inside the job's effect."""
    found = findings(item, made)
    held = any(each["status"] == Grade.RED and each["code"] not in ("MISSING", "GAP") for each in found)
    state = ItemState.QUARANTINED if held else ItemState.COMMITTED
    end(item, state, findings=found, rows=item.landed["rows"], commit_ref=made.ref, code="", reason="", landed={})


def findings(item: IngestItem, made: LakeCommit) -> list[dict[str, Any]]:
    """Return what there is to say of an item's rows, the gravest first.

    A `GAP` has start, end, days and how many sessions are missing in it. Any other finding is a code of the ledger (or
    of quarantine) with the number of sessions it was given to and the first of them.
    """
    entry = LakeEntry.of(made.tenant_id).get(table=item.table, instrument=item.instrument)
    first, last = (_at(item.landed[name]).date() for name in ("startNs", "endNs"))
    rows = LakePartition.objects.filter(entry=entry, session__gte=first, session__lte=last)
    days: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for session, codes in rows.filter(status=Grade.AMBER).order_by("session").values_list("session", "codes"):
        for code in codes:
            days[Grade.AMBER, code].append(session)
    missing = list(rows.filter(code="MISSING").order_by("session").values_list("session", flat=True))
    held = LakeQuarantine.of(made.tenant_id).filter(entry=entry, commit=made).order_by("session")
    for code, session in held.values_list("code", "session"):
        days[Grade.RED, code].append(session)
    if missing:
        days[Grade.RED, "MISSING"] = missing
    listed = [
        {"code": code, "status": str(status), "sessions": len(some), "first": [str(day) for day in some[:_SHOWN]]}
        for (status, code), some in sorted(days.items(), key=lambda each: (each[0][0] != Grade.RED, each[0][1]))
    ]
    return [*(_gap(each, missing) for each in item.landed["gaps"][:_SHOWN]), *listed]


def _gap(edges: list[int], missing: list[Any]) -> dict[str, Any]:
    start, end_ = _at(edges[0]), _at(edges[1])
    inside = sum(start.date() <= day <= end_.date() for day in missing)
    days = round((edges[1] - edges[0]) / _DAY_NS, 2)
    told = {"start": start.isoformat(), "end": end_.isoformat(), "days": days, "missingSessions": inside}
    return {"code": "GAP", "status": str(Grade.RED if inside else Grade.AMBER), **told}


def _at(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC)


def counts(run: IngestRun) -> dict[str, int]:
    """Return how many items of a run are in each state."""
    found = dict(run.items.order_by().values_list("state").annotate(Count("id")))
    return {state: found.get(state, 0) for state in ItemState.values}


def close(actor: Actor, run: IngestRun) -> bool:
    """Finish a run of which no item is open; inside a transaction. Tell whether it was finished now."""
    counted = counts(run)
    if any(counted[state] for state in OPEN):
        return False
    done = IngestRun.of(run.tenant_id).filter(id=run.id, finished_at=None).update(finished_at=db.now())
    if done:
        details = {**counted, "refused": len(run.refused)}
        outbox.record(actor, "ingest.finished", run.ref, old="working", new="finished", details=details, data=details)
    return bool(done)


def state_of(run: IngestRun, counted: dict[str, int]) -> str:
    """Return working or finished, by its items."""
    return "working" if any(counted[state] for state in OPEN) else "finished"


def give_up(job: Job, actor: Actor, error: ProblemError) -> None:
    """End what a job leaves open when it ends, in the transaction that ends it; a vendor's own words are kept."""
    for item in IngestItem.objects.filter(job=job, state__in=OPEN).select_related("run"):
        end(item, ItemState.FAILED, code=item.code or error.code, reason=item.reason or error.message[:2000])
    for run in IngestRun.of(actor.tenant_id).filter(items__job=job).distinct():
        close(actor, run)


def reopen(job: Job, actor: Actor) -> None:
    """Put the failed items of a retried job in line again, in the transaction that queues it."""
    failed = IngestItem.objects.filter(job=job, state=ItemState.FAILED)
    for run in IngestRun.of(actor.tenant_id).filter(items__in=failed).distinct():
        IngestRun.of(actor.tenant_id).filter(id=run.id).update(finished_at=None)
    failed.update(state=ItemState.PENDING, landed={}, code="", reason="", settled_at=None)
