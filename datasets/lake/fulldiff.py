"""The difference between two revisions that is too large for one look: a job finds it, part by part, and it is kept.

A look changes nothing: it says what is known, and `start` has the rest found. The row is named by the digests of both
contents, so that whoever starts it again, by whatever numbers, joins the job or has the result at once. After each part
the row says what was found so far: a person sees it, and a worker that takes over goes on from there. The result is
stored before the row says so. Garbage collection removes it with either revision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from datasets.lake import diff, scan, stretches
from datasets.models import LakeDiff, LakeEntry, LakeRevision
from datasets.storage import blobs, layout, manifests
from tradenexus import db, failpoints, ids
from tradenexus.actor import Actor
from tradenexus.errors import Conflict
from tradenexus.events import outbox
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job, State
from tradenexus.rest.views import find

JOB = "lake.diff"
FORM = 2  # rises with what is stored: an earlier result is made anew
COMPARING, READY, FAILED = LakeDiff.STATES


class DiffFailed(Conflict):
    """The job that compares the two revisions has ended without a result. `details` names it and says why; retry it
    (`POST /v1/jobs/{id}:retry`), then ask again."""

    code = "LAKE_DIFF_FAILED"


@dataclass(frozen=True)
class Look:
    """What is known of a difference: `found` as `diff.between` gives it, and the job that has not found all of it.

    Neither complete nor a job: nobody has started it.
    """

    found: dict[str, Any]
    job: Job | None = None

    @property
    def startable(self) -> bool:
        """Tell whether the rest waits for somebody to start it."""
        return self.job is None and not self.found["complete"]

    def check(self) -> None:
        """Raise DiffFailed when the job has ended without a result."""
        if self.job is not None and self.job.is_final:
            error = self.job.error or {}
            details = {"jobId": self.job.ref, "state": str(self.job.state)}
            details |= {name: error[name] for name in ("code", "message") if name in error}
            raise DiffFailed("the job that compares the two revisions has no result", details)


def look(entry: LakeEntry, a: LakeRevision, b: LakeRevision) -> Look:
    """Return what is known of what turns revision `a` into `b`: found at once, kept from before, or so far by a job.

    SegmentDamaged and the child's limits for what is found at once; a job's are its own.
    """
    if diff.weight(entry, a, b) <= settings.NEXUS_LAKE_DIFF_ROWS:
        return Look(diff.between(entry, a, b))
    row, found, job = _known(entry, a, b)
    if row is not None and found is None and job is not None and job.state == State.SUCCEEDED:
        row, found, job = _known(entry, a, b)  # it may have ended between the looks at the row and at the job
    if found is not None:
        return Look(found)
    plan = stretches.plan_of(entry, a.number, b.number)
    if row is None or job is None or row.state == READY or job.state == State.SUCCEEDED:
        return Look(stretches.summed(plan, stretches.nothing(plan)))
    partial = row.partial or {"found": stretches.nothing(plan)}
    return Look(stretches.summed(plan, partial["found"]), job)


def start(actor: Actor, entry: LakeEntry, a: LakeRevision, b: LakeRevision) -> Look:
    """Ask for a job that finds it all, unless there is a result or a job (that lives or failed); return what is known.

    Whoever asks at the same time joins. Opens its own transaction: a comparison made at once must not hold one.
    """
    known = look(entry, a, b)
    if not known.startable:
        return known
    row = _rows(entry, a, b).first()
    lost = row.key if row is not None and row.state == READY and _read(row) is None else ""
    with db.atomic():
        _asked(actor, entry, a, b, lost)
    return look(entry, a, b)


def _known(
    entry: LakeEntry, a: LakeRevision, b: LakeRevision
) -> tuple[LakeDiff | None, dict[str, Any] | None, Job | None]:
    row = _rows(entry, a, b).first()
    return (row, _read(row), _job_of(row)) if row is not None else (None, None, None)


def _rows(entry: LakeEntry, a: LakeRevision, b: LakeRevision) -> QuerySet[LakeDiff]:
    named = {"a_digest": a.digest, "b_digest": b.digest, "form": FORM, "calendar": entry.calendar}
    return LakeDiff.of(entry.tenant_id).filter(entry=entry, **named)


def _asked(actor: Actor, entry: LakeEntry, a: LakeRevision, b: LakeRevision, lost: str) -> None:
    """Make the row and its job, unless one lives or failed, or the result came meanwhile.

    `lost`: the key of a result that cannot be read any more.
    """
    now = db.now()
    made = LakeDiff(tenant_id=entry.tenant_id, entry=entry, a_digest=a.digest, b_digest=b.digest, form=FORM,
                    calendar=entry.calendar, created_by_id=actor.user_id, created_at=now, updated_at=now)  # fmt: skip
    LakeDiff.everyone.bulk_create([made], ignore_conflicts=True)
    rows = _rows(entry, a, b)
    if lost and rows.filter(state=READY, key=lost).update(state=COMPARING, key="", sha256="", job_ref=""):
        blobs.delete(lost)
    row = rows.get()
    known = _job_of(row)
    if row.state == READY or (known is not None and known.state != State.SUCCEEDED):
        return
    job = queue.submit(actor, JOB, {"diffId": row.ref}, subject=entry.ref, dedupe=row.ref)
    row.state, row.job_ref, row.partial = COMPARING, job.ref, None
    row.save(update_fields=["state", "job_ref", "partial"])
    told = {"diff": row.ref, "job": job.ref, "a": a.number, "b": b.number}
    outbox.record(actor, "lake.diff_asked", entry.ref, new=COMPARING, details=told)


def _job_of(row: LakeDiff) -> Job | None:
    if not row.job_ref:
        return None
    return Job.of(row.tenant_id).filter(id=ids.decode(Job.prefix, row.job_ref)).first()


def _read(row: LakeDiff) -> dict[str, Any] | None:
    """Return what is stored; None when nothing is, or it is lost or damaged: then it is made anew."""
    if row.state != READY:
        return None
    try:
        return dict(manifests.read(row.key, row.sha256)["found"])
    except (blobs.BlobMissing, manifests.ManifestDamaged):
        return None


def run_job(run: Any) -> dict[str, Any]:
    """Compare two revisions part by part and keep the result; goes on where the attempt before came to."""
    row = find(run.actor, LakeDiff, run.params["diffId"])
    plan = stretches.plan_of(row.entry, _number(row.entry, row.a_digest), _number(row.entry, row.b_digest))
    partial = row.partial or {"next": 0, "found": stretches.nothing(plan), "state": None}
    while partial["next"] < len(plan.spans):
        run.check()
        partial = _part(run, plan, partial)
        if partial["next"] < len(plan.spans):
            with run.effect():
                if not _mine(row).update(partial=partial, updated_at=db.now()):
                    _gone(row)
            failpoints.hit("diff.part_kept")
    return _keep(run, row, stretches.summed(plan, partial["found"]))


def _part(run: Any, plan: stretches.Plan, partial: dict[str, Any]) -> dict[str, Any]:
    end = plan.part(partial["next"], settings.NEXUS_LAKE_DIFF_ROWS)

    def told(rows: int) -> None:
        run.progress("comparing", rows, plan.weight, "rows")

    told(partial["found"]["rowsRead"])
    limit = {"wall_s": run.kind.limit_s, "on_rows": told, "cancelled": run.cancelled}
    found = stretches.compared(plan, partial["next"], end, partial["state"], **limit)
    return {"next": end, "state": found.pop("state", None), "found": found}


def _keep(run: Any, row: LakeDiff, found: dict[str, Any]) -> dict[str, Any]:
    run.progress("storing")
    document = {"found": found}
    blob = manifests.write(layout.diff(row.tenant_id, row.id, manifests.digest(document)), document)
    failpoints.hit("diff.stored")
    result = {"diffId": row.ref, "entry": str(row.entry), "rows": found["counts"], "sha256": blob.sha256}
    result |= {"sessions": len(found["sessions"]), "rowsRead": found["rowsRead"], "bytes": blob.size_bytes}
    stored = {"key": blob.key, "sha256": blob.sha256, "size_bytes": blob.size_bytes}
    with run.effect() as effect:
        if _mine(row).update(state=READY, partial=None, updated_at=db.now(), **stored):
            effect.finish(result)
            outbox.record(run.actor, "lake.diff_found", row.entry.ref, old=COMPARING, new=READY, details=result)
    if not effect.finished:
        blobs.delete(blob.key)
        _gone(row)
    return result


def _mine(row: LakeDiff) -> QuerySet[LakeDiff]:
    return LakeDiff.of(row.tenant_id).filter(id=row.id)


def _gone(row: LakeDiff) -> None:
    raise scan.RevisionGone(f"a revision of {row.entry} was let go while it was compared", {"entry": str(row.entry)})


def _number(entry: LakeEntry, digest: str) -> int:
    """Return the newest kept revision with this content; RevisionGone."""
    rows = LakeRevision.objects.filter(entry=entry, digest=digest, number__gte=max(1, entry.oldest_revision))
    number = rows.order_by("-number").values_list("number", flat=True).first()
    if number is None:
        details = {"entry": str(entry), "oldest": entry.oldest_revision}
        raise scan.RevisionGone(f"a revision of {entry} is not kept any more", details)
    return number


def on_failure(run_or_job: Any, actor: Actor, error: Any, outcome: str) -> None:
    """Let the diff leave its running state with the job."""
    _move(run_or_job, actor, COMPARING, FAILED)


def on_retry(job: Job, actor: Actor) -> None:
    """Take the diff back to comparing with its job."""
    _move(job, actor, FAILED, COMPARING)


def _move(run_or_job: Any, actor: Actor, old: str, new: str) -> None:
    known = ids.decode(LakeDiff.prefix, run_or_job.params["diffId"])
    LakeDiff.of(actor.tenant_id).filter(id=known, state=old).update(state=new)


def stale(rows: QuerySet[LakeDiff]) -> QuerySet[LakeDiff]:
    """Return those of the diffs whose revisions are not both kept, or that are of an earlier form."""

    def kept(side: str) -> Exists:
        known = LakeRevision.objects.filter(entry=OuterRef("entry"), digest=OuterRef(side))
        return Exists(known.filter(number__gte=OuterRef("entry__oldest_revision")))

    return rows.filter(~kept("a_digest") | ~kept("b_digest") | ~Q(form=FORM))
