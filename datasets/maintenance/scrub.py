"""Read what is stored of a version once more and compare it with what was written down when it came.

Looked at: the raw file against its SHA-256, each canonical file against its own, and the list of canonical files
against the version's content digest. Nothing is mended: the verdict goes into the audit trail and the job's result.
"""

from __future__ import annotations

from typing import Any

from datasets import versions
from datasets.maintenance import stored
from datasets.models import DatasetVersion, VersionFile
from datasets.storage import blobs
from tradenexus.actor import Actor
from tradenexus.errors import Conflict, ProblemError
from tradenexus.events import outbox
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job

JOB = "dataset.verify"
BEHIND_USERS = -5  # priority: what people wait for goes first


class VersionDamaged(ProblemError):
    """Stored bytes of this version are missing or are no longer those that were written; `details.damaged` names them.
    Restore these files from a backup, or upload the file again as a new version."""

    code = "VERSION_DAMAGED"


def request(actor: Actor, version: DatasetVersion, reason: str) -> Job:
    """Start the check of a version, inside `db.atomic()`; one that runs already is joined.

    Conflict when nothing of the version is stored yet.
    """
    if not version.raw_key and version.sealed_at is None:
        raise Conflict(f"version {version.number} is {version.status}: nothing of it is stored yet")
    job = queue.submit(
        actor, JOB, {"versionId": version.ref}, subject=version.ref, dedupe=version.ref, priority=BEHIND_USERS
    )
    told = {"job": job.ref}
    outbox.record(actor, "version.verify", version.ref, new="asked", reason=reason, details=told, data=told)
    return job


def run_job(run: Any) -> dict[str, Any]:
    """Check one version; VersionDamaged when anything stored differs, after that was recorded."""
    version = versions.resolve(run.actor.tenant_id, run.params["versionId"])
    listed = list(VersionFile.objects.filter(version=version).order_by("number"))
    written = _written(version, listed)
    damaged = _look(run, written)
    if version.sealed_at and versions.content_digest(listed) != version.content_digest:  # type: ignore[arg-type]
        damaged.append({"key": "", "fault": "the list of files differs from the version's content digest"})
    result = {"files": len(written), "bytes": sum(blob.size_bytes for blob in written), "damaged": damaged}
    with run.effect() as effect:
        if not damaged:
            effect.finish(result)
        verdict = "damaged" if damaged else "intact"
        outbox.record(
            run.actor, "version.verified", version.ref, new=verdict, details=result, data={"verdict": verdict}
        )
    if damaged:
        raise VersionDamaged(
            f"{len(damaged)} of {len(written)} stored files of version {version.number} differ", result
        )
    return result


def _written(version: DatasetVersion, listed: list[VersionFile]) -> list[blobs.Blob]:
    raw = [blobs.Blob(version.raw_key, version.size_bytes, version.sha256)] if version.raw_key else []
    return raw + [blobs.Blob(file.key, file.size_bytes, file.sha256) for file in listed]


def _look(run: Any, written: list[blobs.Blob]) -> list[dict[str, str]]:
    total, done, damaged = sum(blob.size_bytes for blob in written), 0, []
    for blob in written:
        fault = _fault(run, blob, done, total)
        done += blob.size_bytes
        if fault:
            run.log(f"{blob.key}: {fault}", "error")
            damaged.append({"key": blob.key, "fault": fault})
    run.progress("reading", total, total)
    return damaged


def _fault(run: Any, blob: blobs.Blob, done: int, total: int) -> str:
    """Return what is wrong with a stored file in a few words, nothing when it is as it was written."""
    seen = done

    def count(block: bytes) -> None:
        nonlocal seen
        seen += len(block)
        run.check()
        run.progress("reading", min(seen, total), total)

    return stored.fault_of(blob, deep=True, on_block=count)
