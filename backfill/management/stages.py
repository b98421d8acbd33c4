"""The stages of the nightly cycle, in order: each starts its jobs in every workspace and says whether they came out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from backfill.ingestion import candidates, planning, requests, settling, watching
from backfill.models import IngestRun
from backfill.vendors import registry
from datasets.exports import bundles
from datasets.features import registry as features
from datasets.features import run as feature_runs
from datasets.maintenance import chores
from datasets.models import Chore, LakeEntry
from tradenexus import actor as actors
from tradenexus import db, ids
from tradenexus.actor import Actor
from tradenexus.jobs.models import LIVE, Job, State
from tradenexus.tenancy.models import Tenant

REQUEST = "manage-flow"
Stage = Callable[[], tuple[list[Job], dict[str, Any]]]


def take() -> tuple[list[Job], dict[str, Any]]:
    """Take the files of the watched folder, and wait for all candidates that are under way."""
    told = watching.sweep(REQUEST)
    return list(Job.everyone.filter(kind=requests.JOB, state__in=LIVE).order_by("created_at")), dict(told)


def ingest() -> tuple[list[Job], dict[str, Any]]:
    """Bring up to date what is stale of the entries that a vendor can fill."""
    able = {one.table for each in registry.listed() for one in each.capabilities}
    jobs: list[Job] = []
    told: dict[str, Any] = {"fresh": 0, "queued": 0, "refused": 0, "ingests": []}
    for actor in _workspaces():
        rows = LakeEntry.of(actor.tenant_id).filter(table__in=able).order_by("instrument", "table")
        named = [{"instrument": row.instrument, "table": row.table} for row in rows]
        for at in range(0, len(named), candidates.MOST):
            made = planning.plan(actor, named[at : at + candidates.MOST], planning.options({}))
            told["fresh"] += len(made.fresh)
            told["refused"] += len(made.refused)
            if not made.queued:
                continue
            stale = [{"instrument": each.instrument, "table": each.table} for each in made.queued]
            with db.atomic():
                run, again, started = requests.request(actor, stale, planning.options({}))
            told["queued"] += len(again.queued)
            told["ingests"].append(run.ref)
            jobs += started
    return jobs, told


def audit() -> tuple[list[Job], dict[str, Any]]:
    """Audit the data of every workspace."""
    return _each(lambda actor: chores.request(actor, Chore.AUDIT, {}))


def build() -> tuple[list[Job], dict[str, Any]]:
    """Build every feature where its inputs are."""
    jobs = []
    for feature in features.FEATURES.values():
        for actor in _workspaces(table__in=feature.inputs):
            with db.atomic():
                jobs.append(feature_runs.request(actor, feature.name, {})[1])
    return jobs, {}


def export() -> tuple[list[Job], dict[str, Any]]:
    """Build the bundle of the night."""
    return _each(lambda actor: bundles.request(actor, {})[1])


STAGES: dict[str, Stage] = {"take": take, "ingest": ingest, "audit": audit, "features": build, "export": export}


def fault(job: dict[str, Any]) -> str:
    """Return why a job makes its stage fail; empty when it does not, as too few bars for a feature do not."""
    code = job["error"].get("code", "")
    if job["state"] == State.SUCCEEDED or code == feature_runs.FeatureNoCoverage.code:
        return ""
    return f"{job['kind']} {job['id']} is {job['state']}" + (f" ({code})" if code else "")


def findings(name: str, told: Iterable[dict[str, Any]]) -> list[str]:
    """Return why a stage whose jobs have succeeded failed all the same: the audit found something."""
    if name != "audit":
        return []
    return [f"{each['id']} found toxic or unreadable data" for each in told if not each["result"].get("ok", True)]


def items_of(told: dict[str, Any]) -> dict[str, int]:
    """Return how many items of a stage's ingests came to what."""
    total: dict[str, int] = {}
    for ref in told.get("ingests", ()):
        run = IngestRun.everyone.get(id=ids.decode(IngestRun.prefix, ref))
        for state, count in settling.counts(run).items():
            total[state] = total.get(state, 0) + count
    return total


def _each(ask: Callable[[Actor], Job]) -> tuple[list[Job], dict[str, Any]]:
    jobs = []
    for actor in _workspaces():
        with db.atomic():
            jobs.append(ask(actor))
    return jobs, {}


def _workspaces(**wanted: Any) -> list[Actor]:
    """Return the platform as it acts in each workspace whose lake holds rows."""
    filled = LakeEntry.everyone.filter(rows__gt=0, **wanted).values("tenant_id")
    tenants = Tenant.objects.filter(id__in=filled).order_by("created_at")
    return [actors.system(tenant.id, REQUEST) for tenant in tenants]
