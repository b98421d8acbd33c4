"""Upkeep as jobs and commands: each chore in one workspace, or in all of them, with its result kept.

A workspace's admin asks for their own; the platform's schedule, and `manage.py`, go through all.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any
from uuid import UUID

from datasets.maintenance import dataaudit, fsck, garbage, lakescrub, records
from datasets.models import Chore
from datasets.storage import spool
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job
from tradenexus.tenancy.models import Tenant

BEHIND_USERS = -5  # priority: what people wait for goes first
DAY_S = 86_400.0
ASKED = (Chore.FSCK, Chore.SCRUB, Chore.GC, Chore.AUDIT)


def job_of(chore: str) -> str:
    """Return the kind of job that does a chore."""
    return f"maintenance.{chore}"


def request(actor: Actor, chore: str, params: dict[str, Any]) -> Job:
    """Queue a chore in the actor's workspace, inside `db.atomic()`; one with the same wishes that lives is joined."""
    if chore not in ASKED:
        raise BadRequest(f"there is no such upkeep: {chore[:20]!r}", {"known": list(ASKED)})
    wishes = ",".join(f"{name}={value}" for name, value in sorted(params.items()))
    return queue.submit(actor, job_of(chore), params, dedupe=wishes, priority=BEHIND_USERS)


def run_job(run: Any, chore: str) -> dict[str, Any]:
    """Do a chore as a job: in its workspace, or in all when the platform itself asked."""

    def watch(phase: str, done: int) -> None:
        run.check()
        if done >= 0:
            run.progress(phase, done, unit="")

    given = {"watch": watch, "effect": run.effect, "request_id": run.job.request_id, "job_ref": run.job.ref}
    if run.job.tenant_id is None:
        return everywhere(chore, run.params, **given)
    with_result = _one(chore, run.job.tenant_id, run.params, **given)
    with run.effect() as effect:
        effect.finish(with_result)
    return with_result


def everywhere(
    chore: str,
    params: dict[str, Any],
    *,
    watch: fsck.Watch = fsck.unwatched,
    effect: Callable[[], AbstractContextManager[Any]] = db.atomic,
    request_id: str = "upkeep",
    job_ref: str = "",
) -> dict[str, Any]:
    """Do a chore in every workspace and on what belongs to none; keep each result and their sum, and return that."""
    begun = db.now()
    given: dict[str, Any] = {"watch": watch, "effect": effect, "request_id": request_id, "job_ref": job_ref}
    tenants = list(Tenant.objects.order_by("id").values_list("id", flat=True))
    found = [_one(chore, tenant_id, params, **given) for tenant_id in tenants]
    summed = {**(records.total(found) or {"ok": True}), "workspaces": len(found)}
    if chore in _BESIDE:
        summed |= _BESIDE[chore](params, watch)
    _keep(effect, chore, None, summed, begun, job_ref)
    return summed


def _one(
    chore: str,
    tenant_id: UUID,
    params: dict[str, Any],
    *,
    watch: fsck.Watch,
    effect: Callable[[], AbstractContextManager[Any]],
    request_id: str,
    job_ref: str,
) -> dict[str, Any]:
    begun = db.now()
    result = _WORK[chore](tenant_id, params, watch, effect, request_id)
    _keep(effect, chore, tenant_id, result, begun, job_ref)
    return result


def _keep(
    effect: Callable[[], AbstractContextManager[Any]],
    chore: str,
    tenant_id: UUID | None,
    result: dict[str, Any],
    begun: datetime,
    job_ref: str,
) -> None:
    with effect():
        records.keep(chore, tenant_id, ok=result["ok"], result=result, started_at=begun, job_ref=job_ref)


def _fsck(tenant_id: UUID, params: dict[str, Any], watch: fsck.Watch, effect: Any, request_id: str) -> dict[str, Any]:
    return fsck.check(tenant_id, deep=bool(params.get("deep")), watch=watch)


def _scrub(tenant_id: UUID, params: dict[str, Any], watch: fsck.Watch, effect: Any, request_id: str) -> dict[str, Any]:
    whole = bool(params.get("whole"))
    return lakescrub.scrub(tenant_id, whole=whole, request_id=request_id, watch=watch, effect=effect)


def _gc(tenant_id: UUID, params: dict[str, Any], watch: fsck.Watch, effect: Any, request_id: str) -> dict[str, Any]:
    dry_run = bool(params.get("dryRun"))
    return garbage.collect(tenant_id, dry_run=dry_run, request_id=request_id, watch=watch, effect=effect)


def _audit(tenant_id: UUID, params: dict[str, Any], watch: fsck.Watch, effect: Any, request_id: str) -> dict[str, Any]:
    return dataaudit.audit(tenant_id, whole=bool(params.get("whole")), watch=watch)


def _spooled(params: dict[str, Any], watch: fsck.Watch) -> dict[str, Any]:
    return {"spooled": 0 if params.get("dryRun") else spool.sweep()}


def _strangers(params: dict[str, Any], watch: fsck.Watch) -> dict[str, Any]:
    return {"strangers": fsck.orphans_of(fsck.strangers(), watch)}


_WORK: dict[str, Callable[..., dict[str, Any]]] = {
    Chore.FSCK: _fsck,
    Chore.SCRUB: _scrub,
    Chore.GC: _gc,
    Chore.AUDIT: _audit,
}
_BESIDE: dict[str, Callable[..., dict[str, Any]]] = {Chore.FSCK: _strangers, Chore.GC: _spooled}
