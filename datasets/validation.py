"""Validation as an action: ask for it, run it in a capped child, write what was found in one transaction.

The job's result is a verdict, never an exception: a file that cannot be read is a RED report whose reason is named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings

from datasets import lifecycle, staged, versions
from datasets.engine import children, executor, handover
from datasets.formats import targets
from datasets.models import Dataset, DatasetVersion, Status
from datasets.quality import keeping, unreadable
from datasets.storage import blobs
from tradenexus.actor import Actor
from tradenexus.errors import ProblemError
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job

JOB = "dataset.validate"
MAY_VALIDATE = frozenset({Status.UPLOADED, Status.VALIDATION_FAILED})
RETRYABLE_FAULTS = frozenset({"DISK_FULL", "CANCELLED", "READER_KILLED"})
NEXT = "dataset.onward"


def request(actor: Actor, dataset: Dataset, wanted: Any, options: dict[str, Any]) -> tuple[DatasetVersion, Job]:
    """Start validating a version; inside `db.atomic()`. StateConflict unless it is uploaded or validation_failed,
    MappingInvalid when two measures are mapped to one column.

    `options`: columnMapping, kind, timezone, timestampUnit, symbol, venue, calendar, interval, profile, thresholds;
    what is not given is taken from what the upload was declared with, then from the file itself.
    """
    version = versions.of_dataset(dataset, wanted, MAY_VALIDATE)
    if version.parent_id and not version.raw_key:
        words = f"version {version.number} has no file of its own to be read: it was made by {version.operation}"
        raise lifecycle.StateConflict(words, {"versionId": version.ref, "version": version.number})
    settled = {**version.params, **{name: value for name, value in options.items() if value not in (None, "", {})}}
    targets.refuse_shared(settled.get("columnMapping") or {})
    DatasetVersion.of(actor.tenant_id).filter(id=version.id).update(params=settled)
    version.params = settled
    job = queue.submit(actor, JOB, {"versionId": version.ref, "options": settled}, subject=version.ref)
    lifecycle.advance(version, Status.VALIDATING, actor, details={"options": settled}, job=job.ref)
    return version, job


def run_job(run: Any) -> dict[str, Any]:
    """Do the validation of one job; the effect (report, sealed content, next state) is one fenced transaction."""
    version = versions.resolve(run.actor.tenant_id, run.params["versionId"], frozenset({Status.VALIDATING}))
    early = staged.offer(run, version, run.params["options"])
    found = early.found or _read(run, version, run.params["options"], run.work_dir())
    run.progress("finalise", 0, None)
    summary = _conclude(run, version, found, early)
    staged.leave(early)
    return summary


def _read(run: Any, version: DatasetVersion, options: dict[str, Any], room: Path) -> dict[str, Any]:
    profile = options.get("profile") or "standard"
    with blobs.local(version.raw_key) as raw:
        params = {
            "raw": handover.reads(raw),
            "filename": version.filename,
            "overrides": {name: options[name] for name in versions.READING if options.get(name)},
            "profile": profile,
            "thresholds": options.get("thresholds") or {},
            "calendar": options.get("calendar"),
            "interval": options.get("interval"),
            "out_dir": handover.writes(room),
        }
        try:
            (found,) = executor.run(
                settings.NEXUS_COMPUTE,
                "datasets.quality.reading:validate",
                [params],
                limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES),
                on_message=lambda number, message: _tell(run, message),
                cancelled=run.cancelled,
            )
            return dict(found)
        except children.ChildFailed as fault:
            if fault.code in RETRYABLE_FAULTS:
                raise
            run.log(f"{fault.code}: {fault.message}", "error")
            return {"report": unreadable.report_of(fault.code, fault.message, fault.details, profile), "files": []}


def _tell(run: Any, message: dict[str, Any]) -> None:
    if "phase" in message:
        run.progress(message["phase"], message.get("done"), message.get("total"), message.get("unit", "bytes"))
    if "log" in message:
        run.log(message["log"], message.get("level", "info"))


def _conclude(run: Any, version: DatasetVersion, found: dict[str, Any], early: staged.Offer) -> dict[str, Any]:
    verdict, body = found["report"]["grade"], found["report"]
    sealed = [] if verdict == "RED" else _store(version, found)
    rejects_key = keeping.store_rejects(version, found, run)
    summary = {"versionId": version.ref, "grade": verdict, "score": body["score"], "rows": body["rows"]}
    with run.effect() as effect:
        keeping.save_report(version, found, rejects_key, run)
        facts = _facts(found, body)
        if verdict == "RED":
            DatasetVersion.of(version.tenant_id).filter(id=version.id).update(**facts)
        else:
            versions.seal(version, sealed, **facts)
        staged.settle(early)
        effect.finish(summary)
        if verdict != "RED" and (run.params["options"].get("then") or {}).get("candles"):
            queue.submit(run.actor, NEXT, {"versionId": version.ref}, subject=version.ref, parent=run.job)
        _advance(run, version, verdict, body, early.note)
    return summary


def _advance(run: Any, version: DatasetVersion, verdict: str, body: dict[str, Any], note: str) -> None:
    details = {"grade": verdict, "score": body["score"], "rows": body["rows"]}
    details |= {"provisionalScan": note} if note else {}
    if verdict == "RED":
        lifecycle.advance(version, Status.VALIDATION_FAILED, run.actor, reason=body["summary"], details=details)
        return
    lifecycle.advance(version, Status.VALIDATED, run.actor, reason=body["summary"], details=details)
    if version.kind == "bars":
        lifecycle.advance(version, Status.READY, run.actor, reason="bars need no further step")


def _facts(found: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    plan = found.get("plan") or {}
    facts = {"grade": body["grade"], "score": body["score"], "plan": found.get("plan"), "kind": plan.get("kind") or ""}
    return facts | {"interval": found.get("interval") or "", "venue": plan.get("venue") or ""}


def _store(version: DatasetVersion, found: dict[str, Any]) -> list[versions.SealedFile]:
    """Put the canonical files into storage: before the rows that name them, so that a crash leaves orphans only."""
    return [versions.store(version, number, file) for number, file in enumerate(found["files"])]


def on_failure(run_or_job: Any, actor: Actor, error: ProblemError, outcome: str) -> None:
    """Take the version out of `validating` when its job ends without a verdict."""
    job = getattr(run_or_job, "job", run_or_job)
    version = versions.resolve(actor.tenant_id, job.params["versionId"])
    if version.status == Status.VALIDATING:
        to = Status.UPLOADED if outcome == "cancelled" else Status.VALIDATION_FAILED
        lifecycle.advance(version, to, actor, reason=error.message, details={"code": error.code}, job=job.ref)


def on_retry(job: Job, actor: Actor) -> None:
    """Put the version back into `validating` when its job is queued again."""
    version = versions.resolve(actor.tenant_id, job.params["versionId"], MAY_VALIDATE)
    lifecycle.advance(version, Status.VALIDATING, actor, reason="retried", job=job.ref)
