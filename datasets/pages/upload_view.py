"""What the upload pages show of a session: how far it is, which steps follow, what came out. Reads only."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from itertools import islice
from typing import Any

from datasets.models import DatasetVersion, QualityReport, Status, UploadSession
from datasets.models.upload import UploadState
from datasets.storage import blobs
from datasets.uploads import peek
from tradenexus.jobs.models import LIVE, Job
from tradenexus.web import figures

REJECTS_SHOWN = 20
_HEAD_BYTES = 256 << 10
_PUBLISHED = (Status.PUBLISHED, Status.PUBLISHING)
_WENT_WRONG = (Status.VALIDATION_FAILED, Status.TRANSFORM_FAILED, Status.PUBLISH_FAILED)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way from bytes to a published version; `state` is done, now, failed, off or later."""

    name: str
    state: str
    note: str = ""
    job: Job | None = None


def percent(session: UploadSession) -> int | None:
    """Return how much has arrived, floored: 100 only when all is there; None while the length is unknown."""
    return None if session.length is None else session.offset * 100 // session.length


def derived(version: DatasetVersion) -> DatasetVersion | None:
    """Return the newest version that was made of this one by candles."""
    made = DatasetVersion.of(version.tenant_id).filter(parent=version, operation="candles")
    return made.order_by("-number").first()


def job_of(version: DatasetVersion | None, session: UploadSession | None = None) -> Job | None:
    """Return what is being done to a version (or was last); the running one first."""
    if version is None:
        return None
    jobs = Job.of(version.tenant_id).filter(subject=version.ref).exclude(kind="dataset.onward").order_by("-created_at")
    return jobs.filter(state__in=LIVE).first() or jobs.first()


def working(session: UploadSession, version: DatasetVersion, made: DatasetVersion | None) -> bool:
    """Tell whether something still happens by itself."""
    refs = [version.ref, *([made.ref] if made else [])]
    return Job.of(session.tenant_id).filter(subject__in=refs, state__in=LIVE).exists()


def steps(session: UploadSession, made: DatasetVersion | None) -> list[Step]:
    """Return the way of an upload: transfer, finalise, validate, candles (ticks and quotes), publish."""
    version = session.target
    then = version.params.get("then") or {}
    job = job_of(version)
    walk = [
        _transfer(session, job),
        _finalise(session, job),
        _validate(session, version, job),
    ]
    if (version.kind or version.params.get("kind")) != "bars" and (made or then.get("candles")):
        walk.append(_candles(version, made, then))
    return [*walk, _publish(made or version, then)]


def _transfer(session: UploadSession, job: Job | None) -> Step:
    if session.state == UploadState.JOINING:
        return Step("Transfer", "now", "putting the parts together", job)
    share = percent(session)
    note = f"{figures.size(session.offset)}, the size is not known yet" if share is None else f"{share} %"
    return Step("Transfer", "done" if session.is_whole else "now", note)


def _finalise(session: UploadSession, job: Job | None) -> Step:
    if session.state == UploadState.FINISHED:
        return Step("Finalise", "done", "checked and stored")
    if session.state == UploadState.INGESTING:
        return Step("Finalise", "now", "checking every byte", job)
    return Step("Finalise", "failed" if session.error else "later", (session.error or {}).get("message", ""))


def _validate(session: UploadSession, version: DatasetVersion, job: Job | None) -> Step:
    if version.status == Status.VALIDATING:
        return Step("Validate", "now", "", job)
    if version.status == Status.VALIDATION_FAILED:
        return Step("Validate", "failed", version.status_reason)
    if version.sealed_at is not None:
        return Step(
            "Validate", "done", f"{version.grade} {version.score:g}" if version.score is not None else version.grade
        )
    return Step("Validate", "later")


def _candles(version: DatasetVersion, made: DatasetVersion | None, then: dict[str, Any]) -> Step:
    if made is None:
        return Step("Candles", "later", str(then.get("candles", "")))
    if made.status == Status.TRANSFORMING:
        return Step("Candles", "now", made.interval, job_of(made))
    failed = made.status == Status.TRANSFORM_FAILED
    return Step("Candles", "failed" if failed else "done", made.status_reason if failed else f"{made.interval} bars")


def _publish(last: DatasetVersion, then: dict[str, Any]) -> Step:
    if last.status == Status.PUBLISHED:
        return Step("Publish", "done")
    if last.status == Status.PUBLISHING:
        return Step("Publish", "now", "", job_of(last))
    if last.status == Status.PUBLISH_FAILED:
        return Step("Publish", "failed", last.status_reason)
    return Step(
        "Publish",
        "later" if then.get("publish") == "explicit" else "off",
        "" if then.get("publish") == "explicit" else "when you say so",
    )


def outcome(session: UploadSession) -> dict[str, Any]:
    """Return what validation made of the bytes: rows, reasons, the first rejects; {} before it has looked."""
    report = QualityReport.of(session.tenant_id).filter(version=session.version).first()
    if report is None:
        return {}
    body = report.body
    findings = [check for check in body.get("checks", []) if check.get("grade") in ("RED", "AMBER")]
    return {
        "report": report,
        "rows": body.get("rows") or {},
        "summary": body.get("summary", ""),
        "findings": sorted(findings, key=lambda check: check["grade"] != "RED")[:5],
        "reasons": _reasons(body),
        "rejects": first_rejects(report),
        "questions": _questions(body),
    }


def _reasons(body: dict[str, Any]) -> list[tuple[str, int]]:
    """Return (reason, count) of the rows left out, the commonest first."""
    counts: dict[str, int] = {}
    for check in body.get("checks", []):
        if check.get("id") in ("schema.readable", "values.nulls", "values.finite"):
            for reason, count in (check.get("figures") or {}).items():
                if reason.isupper() and isinstance(count, int):
                    counts[reason] = counts.get(reason, 0) + count
    return sorted(counts.items(), key=lambda pair: -pair[1])


def _questions(body: dict[str, Any]) -> list[str]:
    """Return what the reading still has to be told, where that is why it failed."""
    details = body.get("details") or {}
    return [str(each.get("text", "")) for each in details.get("questions", [])] if isinstance(details, dict) else []


def first_rejects(report: QualityReport) -> list[dict[str, Any]]:
    """Return the first 20 refused rows: {row, line, column, value, reason}."""
    return list(islice(rejects(report, _HEAD_BYTES), REJECTS_SHOWN)) if report.rejects_key else []


def rejects(report: QualityReport, most_bytes: int | None = None) -> Any:
    """Yield the refused rows in file order, from at most so many bytes of the list."""
    size = blobs.size_bytes(report.rejects_key)
    rest = b""
    for block in blobs.read_range(report.rejects_key, 0, min(size, most_bytes or size)):
        *lines, rest = (rest + block).split(b"\n")
        yield from map(json.loads, lines)


def may_mend(version: DatasetVersion) -> bool:
    """Tell whether the version can be read again in another way."""
    return version.status in (Status.UPLOADED, Status.VALIDATION_FAILED) and bool(version.raw_key)


def to_publish(last: DatasetVersion) -> bool:
    """Tell whether the version could be sent to the provider now."""
    return last.status in (Status.READY, Status.PUBLISH_FAILED)


def went_wrong(version: DatasetVersion) -> bool:
    """Tell whether a step failed."""
    return version.status in _WENT_WRONG


def sniffed(version: DatasetVersion, said: dict[str, Any]) -> dict[str, Any]:
    """Return the guess for a version's stored bytes, with what is said of them."""
    size, head_end = version.size_bytes, min(version.size_bytes, peek.MAX_BYTES)
    head = blobs.read_range(version.raw_key, 0, head_end)
    tail = blobs.read_range(version.raw_key, max(head_end, size - peek.TAIL_BYTES), size)
    given = {"headBase64": _base64(head), "tailBase64": _base64(tail)}
    return peek.sniff({**said, **given, "filename": version.filename, "sizeBytes": size})


def _base64(blocks: Any) -> str:
    return base64.b64encode(b"".join(blocks)).decode()
