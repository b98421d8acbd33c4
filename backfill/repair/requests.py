"""Asks for a repair: writes it down and starts its job, in one transaction; the weekly one for every workspace."""

from __future__ import annotations

from typing import Any

from backfill.models import RepairRun
from backfill.repair import selecting
from datasets.models import LakeEntry
from tradenexus import actor as actors
from tradenexus.actor import Actor
from tradenexus.events import outbox
from tradenexus.jobs import queue

JOB = "backfill.repair"
BEHIND_PEOPLE = -5  # priority of the weekly one


def request(actor: Actor, said: dict[str, Any], *, priority: int = 0) -> RepairRun:
    """Write a repair down and queue its job; inside `db.atomic()`. With `plan` gaps are only looked for.

    VALIDATION_ERROR, TableUnknown.
    """
    kept = selecting.read(said)
    repair = RepairRun(tenant_id=actor.tenant_id, user_id=actor.user_id, selection=kept, plan=bool(said.get("plan")))
    repair.job = queue.submit(actor, JOB, {"repairId": repair.ref}, subject=repair.ref, priority=priority)
    repair.save(force_insert=True)
    details = {"selection": kept, "plan": repair.plan, "job": repair.job.ref}
    outbox.record(actor, "repair.asked", repair.ref, new="working", details=details, data={"plan": repair.plan})
    return repair


def weekly(run: Any) -> dict[str, Any]:
    """Ask for a repair of all gaps in every workspace whose lake holds something and where none is under way."""
    asked = []
    busy = RepairRun.everyone.filter(finished_at=None, plan=False).values("tenant_id")
    filled = LakeEntry.everyone.filter(rows__gt=0).exclude(tenant_id__in=busy).order_by()
    for tenant_id in filled.values_list("tenant_id", flat=True).distinct():
        with run.effect():
            actor = actors.system(tenant_id, run.job.request_id)
            asked.append(request(actor, {}, priority=BEHIND_PEOPLE).ref)
    return {"asked": asked}
