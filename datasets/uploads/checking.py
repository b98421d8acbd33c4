"""The job `upload.check`: validates the first bytes of an upload while the others still come in.

Its report hangs on the upload and is never the version's verdict: a part may be sent again, and what comes later may
contradict what came first, so validation reads all of the file anew and takes nothing over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings

from datasets.engine import children, handover
from datasets.models import ProvisionalReport, UploadSession
from datasets.models.upload import UploadState
from datasets.quality import unreadable
from datasets.uploads import disk, sessions
from datasets.versions import READING
from tradenexus import ids
from tradenexus.actor import Actor
from tradenexus.events import outbox

ABORTED = "ABORTED_EARLY"
# What no later byte mends. Any other fault says nothing: the bytes that are missing may be its reason.
_HOPELESS = frozenset({"FORMAT_UNSUPPORTED", "FEATHER_V1_UNSUPPORTED", "HTML_NOT_DATA", "STILL_COMPRESSED"})
# What the file was said to be is wrong, or has still to be said: it can be mended without sending a byte again.
_ASKS = frozenset(
    {"MAPPING_INCOMPLETE", "TIMEZONE_REQUIRED", "DATE_ORDER_AMBIGUOUS", "COLUMN_MISSING", "CALENDAR_UNKNOWN"}
)


def run_job(run: Any) -> dict[str, Any]:
    """Read the bytes before the mark in a capped child; the report, and the end of a hopeless upload that asked for it,
    are one fenced transaction."""
    session = sessions.find(run.actor, ids.decode(UploadSession.prefix, run.params["uploadId"]))
    stop = min(int(run.params["bytes"]), session.offset)
    body = _read(run, session, stop) if session.takes_bytes and stop else None
    with run.effect() as effect:
        session.refresh_from_db()
        if body is None or session.state != UploadState.OPEN or session.offset < stop:
            result: dict[str, Any] = {"uploadId": session.ref, "grade": None}
            effect.finish(result)
            return result
        report = _save(run, session, stop, body)
        result = {"uploadId": session.ref, "coveredBytes": stop, "grade": report.grade, "hopeless": report.hopeless}
        effect.finish(result)
        outbox.record(run.actor, "upload.checked", session.ref, new=report.grade, reason=report.summary, details=result)
        if report.hopeless and session.target.params.get("abortEarly"):
            _abort(run.actor, session, report)
    return result


def _read(run: Any, session: UploadSession, stop: int) -> dict[str, Any] | None:
    said = session.target.params
    profile = said.get("profile") or "standard"
    try:
        found = children.run(
            "datasets.quality.reading:begin",
            {
                "raw": handover.reads(disk.data_path(session.id)),
                "stop": stop,
                "size": session.length or settings.NEXUS_MAX_UPLOAD_BYTES,
                "filename": session.filename,
                "overrides": {name: said[name] for name in READING if said.get(name)},
                "profile": profile,
                "thresholds": said.get("thresholds") or {},
                "calendar": said.get("calendar"),
                "interval": said.get("interval"),
                "out_dir": handover.writes(run.work_dir()),
            },
            limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES),
            on_message=lambda told: _tell(run, told),
            cancelled=_unwanted(run, session),
        )
    except (children.ChildCancelled, FileNotFoundError):
        run.check()
        return None  # the upload came whole, or was cancelled: nobody waits for this any more
    except children.ChildFailed as fault:
        run.log(f"{fault.code}: {fault.message}", "warning")
        if fault.code not in _HOPELESS | _ASKS:
            return None
        return unreadable.report_of(fault.code, fault.message, fault.details, profile) | {"asks": fault.code in _ASKS}
    return found["report"]


def _tell(run: Any, told: dict[str, Any]) -> None:
    if "phase" in told:
        run.progress(told["phase"], told.get("done"), told.get("total"), told.get("unit", "bytes"))


def _unwanted(run: Any, session: UploadSession) -> Callable[[], bool]:
    rows = UploadSession.of(session.tenant_id).filter(id=session.id, state=UploadState.OPEN)
    return lambda: run.cancelled() or not rows.exists()


def _save(run: Any, session: UploadSession, stop: int, body: dict[str, Any]) -> ProvisionalReport:
    report, _ = ProvisionalReport.everyone.update_or_create(
        session=session,
        defaults={
            "tenant_id": session.tenant_id,
            "covered_bytes": stop,
            "grade": body["grade"],
            "score": body["score"],
            "hopeless": hopeless(body, stop, session.length),
            "body": body,
            "job_ref": run.job.ref,
        },
    )
    return report


def hopeless(body: dict[str, Any], covered: int, length: int | None) -> bool:
    """Tell whether the file would be RED even if all that has still to come were perfect.

    A count never falls. A share does: it is taken as one of the whole file, in proportion to the bytes.
    """
    if body.get("asks"):
        return False
    rest = covered / length if length else 0.0
    return any(
        check["grade"] == "RED"
        and check["id"] != "schema.rows"  # that no rows are here yet
        and (check["unit"] != "share" or check["measured"] * rest > (check["redLimit"] or 0))
        for check in body["checks"]
    )


def _abort(actor: Actor, session: UploadSession, report: ProvisionalReport) -> None:
    UploadSession.of(session.tenant_id).filter(id=session.id).update(
        error={"code": ABORTED, "message": report.summary, "details": {"coveredBytes": report.covered_bytes}}
    )
    sessions.end(actor, session, UploadState.TERMINATED, f"stopped early: {report.summary}"[:500])
