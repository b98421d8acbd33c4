"""What is done with bundles: asked for, begun, finished, failed, expired; by people, by the night, by the job.

A bundle belongs to the UTC date on which it was asked for. Asked for again that day it is built anew, and what it held
before is served until then.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.conf import settings

from datasets.exports import places
from datasets.exports.documents import Listed
from datasets.market import instruments, tables
from datasets.models import ExportBundle, ExportFile, ExportState, LakeEntry
from tradenexus import actor as actors
from tradenexus import db, ids
from tradenexus.actor import Actor
from tradenexus.errors import Conflict, Gone, NotFound, ProblemError, Unprocessable
from tradenexus.events import outbox
from tradenexus.jobs import queue
from tradenexus.jobs.models import LIVE, Job
from tradenexus.rest import views

JOB, NIGHTLY, EVERY_S = "export.build", "export.nightly", 600
STRAY_S = 86_400


class NothingToExport(Unprocessable):
    """The lake holds no rows of what was asked for, so there is nothing to put into a bundle. Commit some first."""

    code = "EXPORT_EMPTY"


class ExportRunning(Conflict):
    """The bundle of this night is being built with other parameters. Wait for its job, or cancel it, and ask again."""

    code = "EXPORT_RUNNING"


class ExportExpired(Gone):
    """The bundle had its files removed when newer ones took its place (NEXUS_EXPORT_NIGHTS). Pull a newer one."""

    code = "EXPORT_EXPIRED"


class ExportNotReady(Conflict):
    """The bundle has no files yet: it is queued, being built, or its build failed. `details` names state and job."""

    code = "EXPORT_NOT_READY"


def find(actor: Actor, ref: str) -> ExportBundle:
    """Return a bundle by id, by date (YYYY-MM-DD) or as `latest`, the newest with files; NotFound otherwise."""
    rows = ExportBundle.of(actor.tenant_id)
    if ref == "latest":
        row = rows.exclude(folder="").order_by("-night").first()
    else:
        try:
            row = rows.filter(night=date.fromisoformat(ref)).first() if len(ref) == 10 else None
        except ValueError:
            row = None
    if row is None and (ref == "latest" or len(ref) == 10):
        raise NotFound(f"no export of {ref[:64]!r} in this workspace")
    return row or views.find(actor, ExportBundle, ref)


def served(bundle: ExportBundle) -> ExportBundle:
    """Return the bundle if it has files to give; ExportExpired or ExportNotReady otherwise."""
    if bundle.folder:
        return bundle
    if bundle.state == ExportState.EXPIRED:
        raise ExportExpired(f"the export of {bundle.night} has expired")
    details = {"state": bundle.state, "jobId": bundle.job_ref or None}
    raise ExportNotReady(f"the export of {bundle.night} has no files: it is {bundle.state}", details)


def request(actor: Actor, parameters: dict[str, Any]) -> tuple[ExportBundle, Job]:
    """Have tonight's bundle built; inside `db.atomic()`. While it is being built the same request joins its job.

    parameters: tables, instruments (lists, empty: all), includeAmber. NothingToExport, ExportRunning, TableUnknown,
    SymbolRefused.
    """
    settled = _settled(parameters)
    _refuse_empty(actor.tenant_id, settled)
    now = db.now()
    made = ExportBundle(tenant_id=actor.tenant_id, night=now.date(), created_at=now, created_by_id=actor.user_id)
    ExportBundle.everyone.bulk_create([made], ignore_conflicts=True)
    row = ExportBundle.of(actor.tenant_id).get(night=now.date())
    running = Job.of(actor.tenant_id).filter(subject=row.ref, kind=JOB, state__in=LIVE).first()
    if running:
        if row.parameters != settled:
            raise ExportRunning(f"the export of {row.night} is being built", {"jobId": running.ref})
        return row, running
    job = queue.submit(actor, JOB, {"exportId": row.ref}, subject=row.ref, dedupe=row.ref)
    old, row.state, row.parameters, row.job_ref, row.error = row.state, ExportState.QUEUED, settled, job.ref, None
    row.save(update_fields=["state", "parameters", "job_ref", "error"])
    outbox.record(actor, "export.request", row.ref, old=old, new=row.state, details={"parameters": settled})
    return row, job


def _settled(parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "tables": sorted({tables.find(name).name for name in parameters.get("tables") or ()}),
        "instruments": sorted({str(instruments.parse(name)) for name in parameters.get("instruments") or ()}),
        "includeAmber": bool(parameters.get("includeAmber")),
    }


def _refuse_empty(tenant_id: UUID, settled: dict[str, Any]) -> None:
    rows = LakeEntry.of(tenant_id).filter(rows__gt=0)
    rows = rows.filter(table__in=settled["tables"]) if settled["tables"] else rows
    rows = rows.filter(instrument__in=settled["instruments"]) if settled["instruments"] else rows
    if not rows.exists():
        raise NothingToExport("the lake holds no rows of what was asked for")


def begin(run: Any) -> ExportBundle:
    """Take a bundle to build for its job -> the bundle, with the newest earlier one as its base."""
    row_id = ids.decode(ExportBundle.prefix, run.params["exportId"])
    row = ExportBundle.of(run.actor.tenant_id).select_related("base").get(id=row_id)
    earlier = ExportBundle.of(row.tenant_id).filter(night__lt=row.night).exclude(folder="").order_by("-night")
    with run.effect():
        row.state, row.base, row.job_ref = ExportState.BUILDING, earlier.first(), run.job.ref
        row.save(update_fields=["state", "base", "job_ref"])
    return row


def finish(
    run: Any, row: ExportBundle, folder: str, manifest: Listed, files: Sequence[Listed], summary: dict[str, Any]
) -> dict[str, Any]:
    """Write what was built, in one fenced transaction that ends the job -> its result."""
    had = dict(ExportFile.objects.filter(bundle=row.base).values_list("path", "sha256")) if row.base else {}
    rows = [_row(row, each, had) for each in [*files, manifest]]
    row.state, row.folder, row.manifest_sha256, row.summary = ExportState.READY, folder, manifest.sha256, summary
    row.error = None
    row.files_count, row.unchanged_count = len(rows), sum(each.unchanged for each in rows)
    row.size_bytes = sum(each.size_bytes for each in rows)
    row.changed_bytes = sum(each.size_bytes for each in rows if not each.unchanged)
    total = {name: sum(part[name] for part in summary.values()) for name in ("entries", "partitions", "rows")}
    row.entries, row.partitions, row.rows = total["entries"], total["partitions"], total["rows"]
    row.held_back = sum(part["heldBack"] for part in summary.values())
    result: dict[str, Any] = {"exportId": row.ref, "night": f"{row.night}"}
    result |= {"manifestSha256": row.manifest_sha256, "heldBack": row.held_back}
    result |= {"files": row.files_count, "unchanged": row.unchanged_count, "rows": row.rows}
    with run.effect() as effect:
        row.built_at = db.now()
        ExportFile.objects.filter(bundle=row).delete()
        ExportFile.objects.bulk_create(rows, batch_size=500)
        row.save()
        effect.finish(result)
        outbox.record(run.actor, "export.ready", row.ref, old=ExportState.BUILDING, new=row.state, details=result)
    return result


def _row(bundle: ExportBundle, each: Listed, had: dict[str, str]) -> ExportFile:
    return ExportFile(
        bundle=bundle,
        path=each.path,
        sha256=each.sha256,
        size_bytes=each.size_bytes,
        rows=each.rows,
        recipe=each.recipe,
        unchanged=had.get(each.path) == each.sha256,
    )


def on_failure(run_or_job: Any, actor: Actor, error: ProblemError, outcome: str) -> None:
    """Note why a build ended without a bundle; what the night held before is ready as before."""
    job = getattr(run_or_job, "job", run_or_job)
    row = ExportBundle.of(actor.tenant_id).get(id=ids.decode(ExportBundle.prefix, job.params["exportId"]))
    old, row.state = row.state, ExportState.READY if row.folder else ExportState.FAILED
    row.error = {"code": error.code, "message": error.message, "outcome": outcome}
    row.save(update_fields=["state", "error"])
    outbox.record(actor, "export.failed", row.ref, old=old, new=row.state, reason=error.message)


def on_retry(job: Job, actor: Actor) -> None:
    """Put the bundle back into the queue with its job."""
    rows = ExportBundle.of(actor.tenant_id).filter(id=ids.decode(ExportBundle.prefix, job.params["exportId"]))
    rows.update(state=ExportState.QUEUED, error=None, job_ref=job.ref)


def nightly(run: Any) -> dict[str, Any]:
    """Ask for tonight's bundles where the hour has come and the lake holds something; let old ones expire."""
    now, asked = db.now(), []
    hour = settings.NEXUS_EXPORT_HOUR
    if 0 <= hour <= now.hour:
        done = ExportBundle.everyone.filter(night=now.date()).values("tenant_id")
        waiting = LakeEntry.everyone.filter(rows__gt=0).exclude(tenant_id__in=done).order_by()
        for tenant_id in waiting.values_list("tenant_id", flat=True).distinct():
            with run.effect():
                row, _ = request(actors.system(tenant_id, run.job.request_id), {})
            asked.append(row.ref)
    tenants = ExportBundle.everyone.order_by().values_list("tenant_id", flat=True).distinct()
    expired = sum(expire(actors.system(tenant_id, run.job.request_id), now.timestamp()) for tenant_id in tenants)
    return {"asked": asked, "expired": expired}


def expire(actor: Actor, now_s: float) -> int:
    """Remove the files of all bundles but the newest NEXUS_EXPORT_NIGHTS, and what killed builds left -> how many."""
    rows = ExportBundle.of(actor.tenant_id).exclude(folder="").order_by("-night")
    gone = [row for row in rows[settings.NEXUS_EXPORT_NIGHTS :] if row.state == ExportState.READY]
    for row in gone:
        folder = row.folder
        with db.atomic():
            taken = ExportBundle.of(actor.tenant_id).filter(id=row.id, folder=folder, state=ExportState.READY)
            if not taken.update(folder="", manifest_sha256="", state=ExportState.EXPIRED):
                continue
            ExportFile.objects.filter(bundle=row).delete()
            outbox.record(actor, "export.expired", row.ref, old=ExportState.READY, new=ExportState.EXPIRED)
        places.remove(actor.tenant_id, folder)
    known = ExportBundle.of(actor.tenant_id).exclude(folder="").values_list("folder", flat=True)
    building = Job.of(actor.tenant_id).filter(kind=JOB, state__in=LIVE).exists()
    for left in [] if building else places.strays(actor.tenant_id, known, now_s - STRAY_S):
        shutil.rmtree(left, ignore_errors=True)
    return len(gone)
