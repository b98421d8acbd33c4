"""Candles as an action: open the derived version, build it in a capped child, seal it.

The output is version n+1 of the same dataset, born `transforming`; the parent stays as it is. The same request on the
same parent joins the version that is already there: identical input and parameters give identical bytes.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from django.conf import settings

from datasets import lifecycle, versions
from datasets.engine import children, handover
from datasets.market import intervals
from datasets.models import Dataset, DatasetVersion, QualityReport, Status, VersionFile
from datasets.storage import blobs
from datasets.transforms import registry
from tradenexus.actor import Actor
from tradenexus.errors import ProblemError
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job

JOB = "dataset.candles"
SOURCES = frozenset({Status.VALIDATED, Status.READY, Status.PUBLISHING, Status.PUBLISHED, Status.PUBLISH_FAILED})
STANDING = SOURCES | {Status.TRANSFORMING}


def request_candles(
    actor: Actor, dataset: Dataset, wanted: Any, options: dict[str, Any]
) -> tuple[DatasetVersion, DatasetVersion, Job | None]:
    """Start making candles; inside `db.atomic()`. Returns (source, output, job); the job is None when output stands.

    options: frequency, price (trade, bid, ask, mid), emptyBars (omit, fill), session (calendar or time zone, or None).
    """
    intervals.parse(options["frequency"])  # both refused whatever the version
    registry.check_session(options.get("session"))
    source = _source(dataset, wanted)
    params = registry.check_candles(source.kind, source.interval, options)
    standing = _standing(source, params)
    if standing is not None:
        return source, standing, _job_of(standing)
    output = versions.open_derived(actor, source, "candles", params)
    job = queue.submit(actor, JOB, {"versionId": output.ref}, subject=output.ref)
    return source, output, job


def _source(dataset: Dataset, wanted: Any) -> DatasetVersion:
    """Return the version meant; by default the newest that was not itself made by candles, else the newest legal."""
    if wanted in (None, ""):
        rows = DatasetVersion.of(dataset.tenant_id).filter(dataset=dataset, status__in=SOURCES)
        original = rows.exclude(operation="candles").order_by("-number").first()
        if original is not None:
            return original
    return versions.of_dataset(dataset, wanted, SOURCES)


def _standing(source: DatasetVersion, params: dict[str, Any]) -> DatasetVersion | None:
    rows = DatasetVersion.of(source.tenant_id).filter(parent=source, operation="candles", status__in=STANDING)
    return next((row for row in rows.order_by("-number") if row.params == params), None)


def _job_of(version: DatasetVersion) -> Job | None:
    return Job.of(version.tenant_id).filter(kind=JOB, subject=version.ref).order_by("-created_at").first()


def run_job(run: Any) -> dict[str, Any]:
    """Build the candles of one job; sealing and the next state are one fenced transaction."""
    output = versions.resolve(run.actor.tenant_id, run.params["versionId"], frozenset({Status.TRANSFORMING}))
    made = _build(run, output, run.work_dir())
    run.progress("finalise", 0, None)
    return _conclude(run, output, made)


def _build(run: Any, output: DatasetVersion, room: Path) -> dict[str, Any]:
    source = output.parent
    assert source is not None
    with contextlib.ExitStack() as stack:
        inputs = [
            {
                "instrument": file.instrument,
                "venue": file.venue,
                "rows": file.rows,
                "interval": file.interval,
                "path": handover.reads(stack.enter_context(blobs.local(file.key))),
            }
            for file in VersionFile.objects.filter(version=source).order_by("number")
        ]
        params = {"inputs": inputs, "kind": source.kind, "out_dir": handover.writes(room), **output.params}
        return children.run(
            "datasets.transforms.candles:build",
            params,
            limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES),
            on_message=lambda message: run.progress(
                message.get("phase", "transform"), message.get("done"), message.get("total"), "rows"
            ),
            cancelled=run.cancelled,
        )


def _conclude(run: Any, output: DatasetVersion, made: dict[str, Any]) -> dict[str, Any]:
    source = output.parent
    assert source is not None
    sealed = [versions.store(output, number, file) for number, file in enumerate(made["files"])]
    summary = {"outputVersionId": output.ref, "version": output.number, "rows": made["rows"], "policy": made["policy"]}
    with run.effect() as effect:
        versions.seal(
            output,
            sealed,
            kind="bars",
            interval=output.params["frequency"],
            grade=source.grade,
            score=source.score,
            params={**output.params},
        )
        _report(run, source, output, made)
        effect.finish(summary)
        lifecycle.advance(output, Status.READY, run.actor, details=summary, job=run.job.ref)
    return summary


def _report(run: Any, source: DatasetVersion, output: DatasetVersion, made: dict[str, Any]) -> None:
    """A derived version carries its parent's verdict, and says how it was made."""
    parent = QualityReport.of(source.tenant_id).filter(version=source).first()
    body = dict(parent.body) if parent else {}
    body |= {
        "summary": f"made from version {source.number} ({source.grade or 'no grade'}): {made['rows']:,} bars of "
        f"{output.params['frequency']}; the checks below are of version {source.number}",
        "policy": made["policy"],
        "derivedFrom": source.ref,
    }
    QualityReport.everyone.update_or_create(
        version=output,
        defaults={
            "tenant_id": output.tenant_id,
            "grade": source.grade,
            "score": source.score or 0.0,
            "profile": parent.profile if parent else "standard",
            "body": body,
            "job_ref": run.job.ref,
        },
    )


def on_failure(run_or_job: Any, actor: Actor, error: ProblemError, outcome: str) -> None:
    """Take the version out of `transforming` when its job ends without a result."""
    job = getattr(run_or_job, "job", run_or_job)
    version = versions.resolve(actor.tenant_id, job.params["versionId"])
    if version.status == Status.TRANSFORMING:
        details = {"code": error.code, "outcome": outcome}
        lifecycle.advance(version, Status.TRANSFORM_FAILED, actor, reason=error.message, details=details, job=job.ref)


def on_retry(job: Job, actor: Actor) -> None:
    """Put the version back into `transforming` when its job is queued again."""
    version = versions.resolve(actor.tenant_id, job.params["versionId"], frozenset({Status.TRANSFORM_FAILED}))
    lifecycle.advance(version, Status.TRANSFORMING, actor, reason="retried", job=job.ref)
