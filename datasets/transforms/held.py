"""A fix of refused rows of the lake: they become a version of a dataset, and may then enter by the lake's own door.

The held rows are never altered; only their settlement is written, once the commit took the fixed ones in. The lake
judges them again: what is still toxic stays out, and what stands under other values is not replaced unless asked for.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from datasets import versions
from datasets.engine import handover
from datasets.lake import commit, rules, settling
from datasets.lake.offers import Offer
from datasets.market import dates, intervals, kinds, tables
from datasets.models import DatasetVersion, LakeCommit, LakeMember, LakeQuarantine, Status, VersionFile
from datasets.storage import blobs
from datasets.transforms import fix, recipe
from tradenexus import failpoints, ids
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest, NotFound
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job

JOB, PREVIEW = "lake.fix", "lake.fix.preview"
POLICIES = (rules.REFUSE, rules.NEWER)
_FOREIGN = "another instrument's"  # as datasets.lake.contamination says it


def request(actor: Actor, held: LakeQuarantine, asked: dict[str, Any]) -> tuple[DatasetVersion, Job]:
    """Start fixing refused rows; inside `db.atomic()`. Returns the version they become and its job.

    asked: steps, reason, commit (also take the result into the lake), policy (refuse or newer). The same steps join the
    version that is there. AlreadySettled, RecipeInvalid, NotFixable, and VALIDATION_ERROR for reason and policy.
    """
    settling.check(held, asked["reason"])
    params = _params(held, asked["steps"])
    policy = asked.get("policy") or rules.REFUSE
    if policy not in POLICIES:
        raise BadRequest("unknown policy", {"fields": {"policy": list(POLICIES)}})
    output = fix.find_standing(DatasetVersion.of(held.tenant_id).filter(quarantine=held), params)
    if output is None:
        name = f"{held.entry.instrument} {held.session} of {held.entry.table}, fixed"
        output = versions.open_held(actor, held, name, params)
    wanted = {"quarantineId": held.ref, "versionId": output.ref, "reason": asked["reason"].strip()}
    wanted |= {"commit": bool(asked.get("commit")), "policy": policy}
    dedupe = f"{output.ref}:{wanted['commit']}:{policy}"
    return output, queue.submit(actor, JOB, wanted, subject=output.ref, dedupe=dedupe)


def preview(actor: Actor, held: LakeQuarantine, steps: Any) -> Job:
    """Start telling what a recipe would do to refused rows; nothing is kept."""
    params = {"quarantineId": held.ref, "recipe": _params(held, steps)}
    return queue.submit(actor, PREVIEW, params, subject=held.ref)


def kind_of(held: LakeQuarantine) -> str:
    """Return the kind of refused rows; NotFixable when they are neither bars nor trades nor quotes."""
    table = tables.find(held.entry.table)
    kind = kinds.BARS if table.family == tables.BARS else table.name
    if kind not in kinds.KINDS:
        raise fix.NotFixable(f"rows of {table.name} are no bars, trades or quotes", {"table": table.name})
    return kind


def _params(held: LakeQuarantine, steps: Any) -> dict[str, Any]:
    told = {"steps": recipe.parse(steps, kind_of(held)), "sourceDigest": held.sha256, "quarantineId": held.ref}
    table = tables.find(held.entry.table)
    told |= {"interval": table.interval} if table.interval else {}
    return told | ({"calendar": held.entry.calendar} if held.entry.calendar else {})


def run_job(run: Any) -> dict[str, Any]:
    """Make the version, unless an earlier attempt did, and commit it where that was asked for."""
    held = _held(run)
    output = versions.resolve(run.actor.tenant_id, run.params["versionId"])
    if output.status == Status.TRANSFORMING:
        found = fix.build(run, output.params, lambda stack: _source(held, stack))
        fix.conclude(run, output, found, None, lambda effect, told: None)
        failpoints.hit("fix.sealed")
    told = {"versionId": output.ref, "datasetId": output.dataset.ref, "version": output.number}
    told |= {"grade": output.grade, "score": output.score, "rows": output.row_count, "committed": False}
    if not run.params["commit"]:
        return _end(run, told)
    if output.status not in fix.USABLE:
        return _end(run, {**told, "why": f"the fixed rows were not offered to the lake: {output.status_reason}"})
    return _enter(run, held, output, told)


def run_preview(run: Any) -> dict[str, Any]:
    """Tell what a recipe would do to refused rows."""
    held = _held(run)
    found = fix.build(run, run.params["recipe"], lambda stack: _source(held, stack), preview=True)
    return fix.finish_preview(run, found, {"quarantineId": held.ref})


def _end(run: Any, told: dict[str, Any]) -> dict[str, Any]:
    with run.effect() as effect:
        effect.finish(told)
    return told


def _held(run: Any) -> LakeQuarantine:
    wanted = ids.decode(LakeQuarantine.prefix, run.params["quarantineId"])
    held = LakeQuarantine.of(run.actor.tenant_id).select_related("entry").filter(id=wanted).first()
    if held is None:
        raise NotFound("the rows are not in quarantine any more")
    return held


def _source(held: LakeQuarantine, stack: contextlib.ExitStack) -> dict[str, Any]:
    venue, _, symbol = held.entry.instrument.partition(":")
    kind = kind_of(held)
    mapped = {"trade_id": "trade_id", "sequence": "sequence"} if kind == kinds.TRADES else {}
    path = handover.reads(stack.enter_context(blobs.local(held.key)))
    inputs = [{"instrument": symbol, "rows": held.rows, "path": path}]
    return {"plan": {"kind": kind, "columnMapping": mapped}, "inputs": inputs, "venue": venue}


def _enter(run: Any, held: LakeQuarantine, output: DatasetVersion, told: dict[str, Any]) -> dict[str, Any]:
    """Offer the fixed rows to the lake, and settle the held ones if all of them entered."""
    done = _commit(run, held, output)
    failpoints.hit("fix.committed")
    told |= {"commitId": done.ref}
    again = LakeQuarantine.of(held.tenant_id).filter(commit=done).first()
    if done.summary["quarantined"]:
        why = f"{again.code}: {again.notes}" if again else held.code
        return _end(run, {**told, "why": f"the fixed rows stay out as well, {why}"})
    told |= {"committed": True, **{name: done.summary[name] for name in ("added", "replaced", "unchanged")}}
    held.refresh_from_db(fields=["state"])
    with run.effect() as effect:
        effect.finish(told)
        if held.state in ("held", "superseded"):  # entering, its rows made the held ones superseded
            settling.settle(run.actor, held, "fixed", run.params["reason"], done)
    return told


def _commit(run: Any, held: LakeQuarantine, output: DatasetVersion) -> LakeCommit:
    (file,) = VersionFile.objects.filter(version=output)
    with contextlib.ExitStack() as stack:
        # Around the rows: those of a venue's date may lie on two UTC days.
        start, end = file.t0_ns // intervals.DAY - 1, file.t1_ns // intervals.DAY + 2
        offer = Offer(
            table=held.entry.table,
            instrument=held.entry.instrument,
            paths=(stack.enter_context(blobs.local(file.key)),),
            start_ns=start * intervals.DAY,
            end_ns=end * intervals.DAY,
            vendor=held.vendor,
            fetched_at=held.fetched_at or held.created_at,
            policy=run.params["policy"],
            claims=False,
            beside=tuple(_beside(held, start, end, stack)),
        )
        return commit.commit(
            run.actor,
            [offer],
            operation="fix",
            key=f"fix:{output.ref}:{run.job.ref}",
            room=run.work_dir(),
            source=output.ref,
            run=run,
        )


def _beside(held: LakeQuarantine, start: int, end: int, stack: contextlib.ExitStack) -> list[Path]:
    """Return rows of the other instruments of the commit in which rows of one were found under another one's name.

    Without them nobody would see that the rows, offered alone, are still not this instrument's.
    """
    if held.code != "CONTAMINATED" and _FOREIGN not in held.notes:
        return []
    days = dates.to_date(start), dates.to_date(end)
    refused = LakeQuarantine.of(held.tenant_id).filter(commit=held.commit, entry__table=held.entry.table)
    keys = list(refused.filter(session__range=days).exclude(entry=held.entry).values_list("key", flat=True))
    members = LakeMember.objects.filter(
        entry__revisions__commit=held.commit,
        entry__table=held.entry.table,
        until_revision=None,
        t1_ns__gte=start * intervals.DAY,
        t0_ns__lt=end * intervals.DAY,
    ).exclude(entry=held.entry)
    keys += members.filter(segment__damaged_at=None).values_list("segment__key", flat=True).distinct()
    return [stack.enter_context(blobs.local(key)) for key in keys]


def versions_of(held: LakeQuarantine) -> list[DatasetVersion]:
    """Return what fixes made of refused rows, the newest first."""
    rows = DatasetVersion.of(held.tenant_id).filter(quarantine=held).select_related("dataset")
    return list(rows.order_by("-number"))
