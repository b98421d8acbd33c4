"""A fix as an action: a recipe on a version, RED or good, makes version n+1 of the same dataset; the parent stays.

The rows come from the parent's canonical files, or, where a RED parent has none, from its raw file as it was read.
What the recipe leaves is sealed and judged like an upload: a result that is still bad is RED and says so, and may be
fixed again. The same recipe on the same parent joins the version that is there: the bytes would be the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.conf import settings

from datasets import lifecycle, versions
from datasets.engine import children, executor, handover
from datasets.market import kinds, sessions
from datasets.models import Dataset, DatasetVersion, QualityReport, Status, VersionFile
from datasets.quality import keeping
from datasets.storage import blobs
from datasets.transforms import recipe
from tradenexus import failpoints
from tradenexus.actor import Actor
from tradenexus.errors import ProblemError, Unprocessable
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job

JOB, PREVIEW = "dataset.fix", "dataset.fix.preview"
USABLE = frozenset({Status.VALIDATED, Status.READY, Status.PUBLISHING, Status.PUBLISHED, Status.PUBLISH_FAILED})
SOURCES = USABLE | {Status.VALIDATION_FAILED}
STANDING = SOURCES | {Status.TRANSFORMING}
# How the rows of the source were judged, and how a raw file is read: what is fixed is judged in the same way.
READING = ("profile", "thresholds", "calendar", "interval")
SHOWN_ISSUES = 20


class NotFixable(Unprocessable):
    """There are no rows that a recipe could work on: nobody could read the file yet. Validate it again, saying how."""

    code = "FIX_NO_ROWS"


def request(
    actor: Actor, dataset: Dataset, wanted: Any, steps: Any, note: str = ""
) -> tuple[DatasetVersion, DatasetVersion, Job | None]:
    """Start fixing a version; inside `db.atomic()`. Returns (source, output, its job), the job None if long done.

    StateConflict unless the version was judged, RecipeInvalid, NotFixable.
    """
    source = versions.of_dataset(dataset, wanted, SOURCES)
    params = _params(source, steps)
    standing = find_standing(DatasetVersion.of(source.tenant_id).filter(parent=source), params)
    if standing is not None:
        return source, standing, job_of(standing)
    output = versions.open_derived(actor, source, "fix", {**params, **({"note": note} if note else {})})
    return source, output, queue.submit(actor, JOB, {"versionId": output.ref}, subject=output.ref)


def preview(actor: Actor, dataset: Dataset, wanted: Any, steps: Any) -> tuple[DatasetVersion, Job]:
    """Start telling what a recipe would do to a version, and how the result would be judged; nothing is kept."""
    source = versions.of_dataset(dataset, wanted, SOURCES)
    params = {"versionId": source.ref, "recipe": _params(source, steps)}
    return source, queue.submit(actor, PREVIEW, params, subject=source.ref)


def _params(source: DatasetVersion, steps: Any) -> dict[str, Any]:
    if source.sealed_at is None and not (source.raw_key and (source.plan or {}).get("kind")):
        words = f"version {source.number} has no rows that could be fixed: {source.status_reason or 'it was not read'}"
        raise NotFixable(words[:500], {"versionId": source.ref})
    report = QualityReport.of(source.tenant_id).filter(version=source).first()
    known = {check["id"] for check in report.body["checks"]} if report else None
    # A version made by candles carries the report of what it was made of: the names in it are of other data.
    checks = known if source.operation != "candles" else None
    clean = recipe.parse(steps, source.kind or (source.plan or {})["kind"], checks)
    return {"steps": clean, "sourceDigest": digest_of(source), **reading(source)}


def digest_of(source: DatasetVersion) -> str:
    """Return the digest of a version's rows; of one that was never sealed, of its bytes and how they are read."""
    if source.sealed_at is not None:
        return source.content_digest
    told = json.dumps([source.sha256, source.plan, reading(source)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def reading(source: DatasetVersion) -> dict[str, Any]:
    """Return what of a version's params says how its rows are judged, for what is made of it."""
    told = {name: source.params[name] for name in READING if source.params.get(name)}
    if source.operation == "candles":
        session = source.params.get("session")
        told |= {"interval": source.interval}
        told |= {"calendar": session} if session and not sessions.is_zone(session) else {}
    return told


def find_standing(rows: Any, params: dict[str, Any]) -> DatasetVersion | None:
    """Return the newest of the versions that this recipe makes or made, None when there is none."""
    made = rows.filter(operation="fix", status__in=STANDING).select_related("dataset").order_by("-number")
    return next((row for row in made if all(row.params.get(name) == params[name] for name in params)), None)


def job_of(version: DatasetVersion) -> Job | None:
    """Return the newest job that makes (or made) this version."""
    return Job.of(version.tenant_id).filter(kind=JOB, subject=version.ref).order_by("-created_at").first()


def run_job(run: Any) -> dict[str, Any]:
    """Make the version of one job; sealing, report and the next state are one fenced transaction."""
    output = versions.resolve(run.actor.tenant_id, run.params["versionId"], frozenset({Status.TRANSFORMING}))
    source = output.parent
    assert source is not None
    if digest_of(source) != output.params["sourceDigest"]:
        words = f"version {source.number} was read anew since the fix was asked for; ask again"
        raise lifecycle.StateConflict(words, {"versionId": source.ref})
    found = build(run, output.params, lambda stack: of_version(source, stack))
    return conclude(run, output, found, source, lambda effect, told: effect.finish(told))


def run_preview(run: Any) -> dict[str, Any]:
    """Tell what a recipe would do -> {steps, rowsIn, rowsOut, grade, score, rows, issues}."""
    source = versions.resolve(run.actor.tenant_id, run.params["versionId"], SOURCES)
    found = build(run, run.params["recipe"], lambda stack: of_version(source, stack), preview=True)
    return finish_preview(run, found, {"versionId": source.ref, "version": source.number})


def finish_preview(run: Any, found: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """End a preview with what was found."""
    body = found["report"]
    result = {**told, **found["recipe"], "grade": body["grade"], "score": body["score"], "rows": body["rows"]}
    result["summary"], result["issues"] = body["summary"], body["issues"][:SHOWN_ISSUES]
    with run.effect() as effect:
        effect.finish(result)
    return result


def of_version(source: DatasetVersion, stack: contextlib.ExitStack) -> dict[str, Any]:
    """Return where a child finds the rows of a version: its canonical files, else its raw file."""
    plan = source.plan or {"kind": source.kind, "columnMapping": {}}
    told: dict[str, Any] = {"plan": plan, "symbol": plan.get("symbol"), "venue": source.venue}
    if source.sealed_at is None:
        return {**told, "raw": handover.reads(stack.enter_context(blobs.local(source.raw_key)))}
    files = VersionFile.objects.filter(version=source).order_by("number")
    inputs = [
        {
            "instrument": file.instrument,
            "rows": file.rows,
            "path": handover.reads(stack.enter_context(blobs.local(file.key))),
        }
        for file in files
    ]
    return {**told, "inputs": inputs}


def build(
    run: Any, params: dict[str, Any], source: Callable[[contextlib.ExitStack], dict[str, Any]], *, preview: bool = False
) -> dict[str, Any]:
    """Let a child follow the recipe and judge what it leaves; `params` hold the steps and how rows are judged."""
    with contextlib.ExitStack() as stack:
        given = {
            **{name: params.get(name) for name in READING},
            **source(stack),
            "steps": params["steps"],
            "preview": preview,
            # the clock of the judgement: of the job, so that a second attempt says the same
            "nowNs": int(run.job.created_at.timestamp()) * 10**9,
            "out_dir": handover.writes(run.work_dir()),
        }
        (found,) = executor.run(
            settings.NEXUS_COMPUTE,
            "datasets.transforms.fixing:build",
            [given],
            limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES),
            on_message=lambda number, said: _tell(run, said),
            cancelled=run.cancelled,
        )
    return dict(found)


def _tell(run: Any, said: dict[str, Any]) -> None:
    if "phase" in said:
        run.progress(said["phase"], said.get("done"), said.get("total"), said.get("unit", "rows"))


def conclude(
    run: Any,
    output: DatasetVersion,
    found: dict[str, Any],
    source: DatasetVersion | None,
    ending: Callable[[Any, dict[str, Any]], None],
) -> dict[str, Any]:
    """Seal, report and judge what a child made, RED or not -> what the job tells; `ending(effect, told)` ends it."""
    did, body = found["recipe"], found["report"]
    counts = {"rowsIn": did["rowsIn"], "rowsOut": did["rowsOut"], "touched": [one["touched"] for one in did["steps"]]}
    body |= {"recipe": did, **({"derivedFrom": source.ref} if source else {})}
    sealed = [versions.store(output, number, file) for number, file in enumerate(found["files"])]
    rejects_key = keeping.store_rejects(output, found, run)
    failpoints.hit("fix.stored")
    steps = [{name: one[name] for name in ("step", "op", "words", "touched")} for one in did["steps"]]
    told = {"versionId": output.ref, "version": output.number, "grade": body["grade"], "score": body["score"]}
    told |= {"rows": body["rows"], "steps": steps, "summary": body["summary"]}
    facts = _facts(output, source, found)
    with run.effect() as effect:
        versions.seal(output, sealed, **facts, params={**output.params, "counts": counts})
        keeping.save_report(output, found, rejects_key, run)
        ending(effect, told)
        _advance(run, output, body)
    return told


def _facts(output: DatasetVersion, source: DatasetVersion | None, found: dict[str, Any]) -> dict[str, Any]:
    body = found["report"]
    plan = source.plan if source else None
    kind = source.kind if source and source.kind else found["kind"]
    facts = {"kind": kind, "plan": plan, "grade": body["grade"], "score": body["score"]}
    interval = (found["interval"] or output.params.get("interval") or "") if kind == kinds.BARS else ""
    return facts | {"interval": interval, "venue": (source.venue if source else output.venue)}


def _advance(run: Any, output: DatasetVersion, body: dict[str, Any]) -> None:
    details = {"grade": body["grade"], "score": body["score"], "rows": body["rows"]}
    to = Status.VALIDATION_FAILED if body["grade"] == "RED" else Status.VALIDATED
    lifecycle.advance(output, to, run.actor, reason=body["summary"], details=details, job=run.job.ref)
    if to == Status.VALIDATED and output.kind == kinds.BARS:
        lifecycle.advance(output, Status.READY, run.actor, reason="bars need no further step", job=run.job.ref)


def on_failure(run_or_job: Any, actor: Actor, error: ProblemError, outcome: str) -> None:
    """Take the version out of `transforming` when its job ends without a result."""
    job = getattr(run_or_job, "job", run_or_job)
    version = versions.resolve(actor.tenant_id, job.params["versionId"])
    if version.status == Status.TRANSFORMING:
        details = {"code": error.code, "outcome": outcome}
        lifecycle.advance(version, Status.TRANSFORM_FAILED, actor, reason=error.message, details=details, job=job.ref)


def on_retry(job: Job, actor: Actor) -> None:
    """Put the version back into `transforming` when its job is queued again; one that was made stays."""
    version = versions.resolve(actor.tenant_id, job.params["versionId"])
    if version.status == Status.TRANSFORM_FAILED:
        lifecycle.advance(version, Status.TRANSFORMING, actor, reason="retried", job=job.ref)
