"""Candles as an action: open a derived version a frequency, build them in capped children, seal them together.

An output is version n+1 of the same dataset, born `transforming`; the parent stays as it is. The same request on the
same parent joins the version that is already there: identical input and parameters give identical bytes, also when a
frequency is made alone, or the instruments are spread over more children.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from django.conf import settings

from datasets import lifecycle, versions
from datasets.engine import children, executor, handover
from datasets.market import intervals
from datasets.models import Dataset, DatasetVersion, QualityReport, Status, VersionFile
from datasets.storage import blobs
from datasets.transforms import parts, registry
from tradenexus.actor import Actor
from tradenexus.errors import ProblemError
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job

JOB = "dataset.candles"
SHARE_BYTES = 384 << 20  # memory one child of several must have
SHARE_ROWS = 1_000_000  # fewer are not worth another child
SOURCES = frozenset({Status.VALIDATED, Status.READY, Status.PUBLISHING, Status.PUBLISHED, Status.PUBLISH_FAILED})
STANDING = SOURCES | {Status.TRANSFORMING}


def request_candles(
    actor: Actor, dataset: Dataset, wanted: Any, options: dict[str, Any]
) -> tuple[DatasetVersion, DatasetVersion, Job | None]:
    """Start making candles; inside `db.atomic()`. Returns (source, output, job); the job is None when output stands.

    options: frequency, price (trade, bid, ask, mid), emptyBars (omit, fill), session (calendar or time zone, or None).
    """
    source, outputs, job = request_many(actor, dataset, wanted, options, [options["frequency"]])
    return source, outputs[0], job


def request_many(
    actor: Actor, dataset: Dataset, wanted: Any, options: dict[str, Any], frequencies: list[str]
) -> tuple[DatasetVersion, list[DatasetVersion], Job | None]:
    """Start making candles of several frequencies in one pass; inside `db.atomic()`. One output a frequency, in order.

    Those that stand already are joined; one job makes the others. `options` as above, without frequency.
    """
    for each in frequencies:
        intervals.parse(each)  # refused whatever the version, as an unknown session
    registry.check_session(options.get("session"))
    source = _source(dataset, wanted)
    asked = [
        registry.check_candles(source.kind, source.interval, {**options, "frequency": each}) for each in frequencies
    ]
    outputs, fresh = [], []
    for params in asked:
        output = _standing(source, params)
        if output is None:
            output = versions.open_derived(actor, source, "candles", params)
            fresh.append(output.ref)
        outputs.append(output)
    if not fresh:
        return source, outputs, job_of(outputs[0])
    return source, outputs, queue.submit(actor, JOB, {"versionId": fresh[0], "versionIds": fresh}, subject=fresh[0])


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


def job_of(version: DatasetVersion) -> Job | None:
    """Return the newest job that makes (or made) this version, alone or with others of its parent."""
    siblings = DatasetVersion.of(version.tenant_id).filter(parent=version.parent, operation="candles")
    jobs = Job.of(version.tenant_id).filter(kind=JOB, subject__in=[each.ref for each in siblings])
    return next((job for job in jobs.order_by("-created_at") if version.ref in _refs(job)), None)


def _refs(job: Job) -> list[str]:
    return job.params.get("versionIds") or [job.params["versionId"]]


def run_job(run: Any) -> dict[str, Any]:
    """Build the candles of one job; sealing and the next states are one fenced transaction."""
    states = frozenset({Status.TRANSFORMING})
    outputs = [versions.resolve(run.actor.tenant_id, ref, states) for ref in _refs(run.job)]
    made = _build(run, outputs, run.work_dir())
    run.progress("finalise", 0, None)
    return _conclude(run, outputs, made)


def _build(run: Any, outputs: list[DatasetVersion], room: Path) -> list[dict[str, Any]]:
    source = outputs[0].parent
    assert source is not None
    with contextlib.ExitStack() as stack:
        inputs: list[dict[str, Any]] = [
            {
                "instrument": file.instrument,
                "venue": file.venue,
                "rows": file.rows,
                "interval": file.interval,
                "path": handover.reads(stack.enter_context(blobs.local(file.key))),
            }
            for file in VersionFile.objects.filter(version=source).order_by("number")
        ]
        options = {name: outputs[0].params[name] for name in ("price", "emptyBars", "session")}
        params = {"kind": source.kind, "frequencies": [each.params["frequency"] for each in outputs], **options}
        shares = [
            {**params, "inputs": share, "out_dir": handover.writes(_room(room, number))}
            for number, share in enumerate(parts.spread(inputs, _processes(inputs)))
        ]
        answers = executor.run(
            settings.NEXUS_COMPUTE,
            "datasets.transforms.candles:build_many",
            shares,
            limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES // len(shares)),
            on_message=_Told(run, sum(each["rows"] for each in inputs)),
            cancelled=run.cancelled,
        )
    return parts.gather(answers)


def _processes(inputs: list[dict[str, Any]]) -> int:
    """Return over how many children it pays to spread the inputs; together they may hold what one may."""
    rows = sum(each["rows"] for each in inputs)
    most = settings.NEXUS_CHILD_MEMORY_BYTES // SHARE_BYTES
    return max(1, min(settings.NEXUS_ENGINE_PROCESSES, most, rows // SHARE_ROWS))


def _room(room: Path, number: int) -> Path:
    # each child owns its folder while it lives
    own = room / f"share-{number}"
    own.mkdir(exist_ok=True)
    return own


class _Told:
    """Progress of several children as that of one."""

    def __init__(self, run: Any, total: int):
        self._run, self._total = run, total
        self._done: dict[int, int] = {}

    def __call__(self, number: int, message: dict[str, Any]) -> None:
        self._done[number] = message.get("done") or 0
        self._run.progress(message.get("phase", "transform"), sum(self._done.values()), self._total, "rows")


def _conclude(run: Any, outputs: list[DatasetVersion], made: list[dict[str, Any]]) -> dict[str, Any]:
    stored = [
        [versions.store(output, number, file) for number, file in enumerate(one["files"])]
        for output, one in zip(outputs, made, strict=True)
    ]
    told = [
        {"outputVersionId": output.ref, "version": output.number, "rows": one["rows"], "policy": one["policy"]}
        for output, one in zip(outputs, made, strict=True)
    ]
    result = told[0] if len(told) == 1 else {**told[0], "outputs": told}
    with run.effect() as effect:
        for output, one, files in zip(outputs, made, stored, strict=True):
            _seal(run, output, one, files)
        effect.finish(result)
        for output, summary in zip(outputs, told, strict=True):
            lifecycle.advance(output, Status.READY, run.actor, details=summary, job=run.job.ref)
    return result


def _seal(run: Any, output: DatasetVersion, made: dict[str, Any], files: list[versions.SealedFile]) -> None:
    source = output.parent
    assert source is not None
    versions.seal(
        output,
        files,
        kind="bars",
        interval=output.params["frequency"],
        grade=source.grade,
        score=source.score,
        params={**output.params},
    )
    _report(run, source, output, made)


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
    """Take the versions out of `transforming` when their job ends without a result."""
    job = getattr(run_or_job, "job", run_or_job)
    details = {"code": error.code, "outcome": outcome}
    for ref in _refs(job):
        version = versions.resolve(actor.tenant_id, ref)
        if version.status == Status.TRANSFORMING:
            lifecycle.advance(
                version, Status.TRANSFORM_FAILED, actor, reason=error.message, details=details, job=job.ref
            )


def on_retry(job: Job, actor: Actor) -> None:
    """Put the versions back into `transforming` when their job is queued again."""
    for ref in _refs(job):
        version = versions.resolve(actor.tenant_id, ref, frozenset({Status.TRANSFORM_FAILED}))
        lifecycle.advance(version, Status.TRANSFORMING, actor, reason="retried", job=job.ref)
