"""Run events, made of the audit entries that tell when a job began and ended: their number is the order of commits.

A run is a job; its id is the job's UUID. A job that goes on after a pause is still the same run; one that a person
queued again after its end begins anew under the same id. What happens at once, without a job (settings.
NEXUS_OPENLINEAGE_ACTS), is a run that begins and ends with its entry, by the id of what it made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.module_loading import import_string

from tradenexus import ids
from tradenexus.audit import chain
from tradenexus.audit.models import Entry
from tradenexus.jobs import registry
from tradenexus.jobs.models import Job, State
from tradenexus.openlineage import facets
from tradenexus.openlineage.facets import Moved

Event = dict[str, Any]
JOB = "job.state"
_TYPES = {
    State.RUNNING: "START",
    State.SUCCEEDED: "COMPLETE",
    State.FAILED: "FAIL",
    State.STALLED: "FAIL",
    State.CANCELLED: "ABORT",
}
SCANNED = 5_000  # entries that one page looks at, at the most
JOBS = 500


def of_jobs(tenant_id: UUID, refs: Iterable[str]) -> list[Event]:
    """Return the events of jobs, in order; those that move no data have none."""
    rows = Entry.of(tenant_id).filter(subject__in=list(refs), action=JOB, new__in=list(_TYPES))
    batch = _Batch(tenant_id, entries := list(rows.order_by("seq")))
    return [event for entry in entries for event in batch.told(entry)]


def about(tenant_id: UUID, subjects: Iterable[str], refs: Iterable[str] = ()) -> list[Event]:
    """Return the events of the (newest 500) jobs about any of the things, and of the jobs named, in order."""
    named = Q(subject__in=list(subjects)) | Q(id__in=[ids.decode(Job.prefix, ref) for ref in refs])
    jobs = Job.of(tenant_id).filter(named, kind__in=list(settings.NEXUS_OPENLINEAGE)).order_by("-created_at", "-id")
    return of_jobs(tenant_id, [ids.encode(Job.prefix, key) for key in jobs.values_list("id", flat=True)[:JOBS]])


def page(tenant_id: UUID, after: int, limit: int) -> tuple[list[Event], int, bool]:
    """Return about `limit` events of entries after a number -> (events, number to go on after, whether that is all)."""
    rows, seen = _entries(tenant_id), 0
    found: list[Event] = []
    while seen < SCANNED:
        entries = list(rows.filter(seq__gt=after)[:limit])
        batch = _Batch(tenant_id, entries)
        for number, entry in enumerate(entries):
            found += batch.told(entry)
            after = entry.seq
            if len(found) >= limit:
                return found, after, number + 1 == len(entries) and len(entries) < limit
        seen += len(entries)
        if len(entries) < limit:
            return found, after, True
    return found, after, False


def first_at(tenant_id: UUID, moment: Any) -> int:
    """Return the number after which entries are at or after the moment."""
    first = Entry.of(tenant_id).filter(at__gte=moment).order_by("seq").values_list("seq", flat=True).first()
    if first is not None:
        return first - 1
    return Entry.of(tenant_id).order_by("-seq").values_list("seq", flat=True).first() or 0


def _entries(tenant_id: UUID) -> QuerySet[Entry]:
    wanted = Q(action=JOB, new__in=list(_TYPES)) | Q(action__in=list(settings.NEXUS_OPENLINEAGE_ACTS))
    return Entry.of(tenant_id).filter(wanted).order_by("seq")


class _Batch:
    """Some entries, with what is known of all their jobs and acts together: a few queries a kind."""

    def __init__(self, tenant_id: UUID, entries: list[Entry]):
        self.tenant_id = tenant_id
        keys = {ids.decode(Job.prefix, entry.subject) for entry in entries if entry.action == JOB}
        jobs = Job.of(tenant_id).filter(id__in=keys, kind__in=list(settings.NEXUS_OPENLINEAGE)).select_related("parent")
        self.jobs = {job.ref: job for job in jobs}
        by_kind: dict[str, list[Job]] = {}
        for job in self.jobs.values():
            by_kind.setdefault(job.kind, []).append(job)
        by_act: dict[str, list[str]] = {}
        for entry in entries:
            if entry.action != JOB:
                by_act.setdefault(entry.action, []).append(entry.subject)
        self.moved: dict[str, Moved] = {}
        for kind, some in by_kind.items():
            self.moved |= import_string(settings.NEXUS_OPENLINEAGE[kind])(tenant_id, some)
        for action, refs in by_act.items():
            self.moved |= import_string(settings.NEXUS_OPENLINEAGE_ACTS[action][2])(tenant_id, refs)

    def told(self, entry: Entry) -> Iterator[Event]:
        """Yield the events of one of the entries."""
        if entry.action != JOB:
            if entry.subject in self.moved:
                yield from _act(self.tenant_id, entry, self.moved[entry.subject])
        elif (job := self.jobs.get(entry.subject)) is not None and _counts(entry):
            yield _event(self.tenant_id, entry, job, self.moved.get(job.ref) or Moved())


def _counts(entry: Entry) -> bool:
    """Tell whether an entry begins or ends a run: not another attempt of one, nor the end of what never ran."""
    attempt = entry.details.get("attempt", 0)
    return attempt == 1 if entry.new == State.RUNNING else attempt > 0


def _event(tenant_id: UUID, entry: Entry, job: Job, moved: Moved) -> Event:
    kind = _TYPES[State(entry.new)]
    run: dict[str, Any] = {"processing_engine": _engine()}
    if job.parent is not None:
        run["parent"] = facets.facet("parent", run={"runId": str(job.parent.id)}, job=_name(tenant_id, job.parent.kind))
    if kind in ("FAIL", "ABORT") and entry.reason:
        run["errorMessage"] = facets.facet("errorMessage", message=entry.reason, programmingLanguage="PYTHON")
    told = {"eventType": kind, "eventTime": chain.at_text(entry.at), "run": {"runId": str(job.id), "facets": run}}
    told["job"] = {**_name(tenant_id, job.kind), "facets": _about(registry.label(job.kind))}
    if kind == "START":
        moved = Moved([_plain(each) for each in moved.inputs])
    elif job.state != entry.new:  # it was queued again: what it has made since is not of this end
        moved = Moved(moved.inputs)
    return _whole(told, moved)


def _act(tenant_id: UUID, entry: Entry, moved: Moved) -> Iterator[Event]:
    name, label, _ = settings.NEXUS_OPENLINEAGE_ACTS[entry.action]
    run = {"runId": str(UUID(entry.subject.rpartition("_")[2])), "facets": {"processing_engine": _engine()}}
    job = {"namespace": facets.namespace(tenant_id), "name": name, "facets": _about(label)}
    for kind, part in (("START", Moved([_plain(each) for each in moved.inputs])), ("COMPLETE", moved)):
        yield _whole({"eventType": kind, "eventTime": chain.at_text(entry.at), "run": run, "job": job}, part)


def _plain(one: facets.Set) -> facets.Set:
    """An input without what only the run found out."""
    return {name: value for name, value in one.items() if name != "inputFacets"}


def _whole(told: Event, moved: Moved) -> Event:
    ends = {"inputs": moved.inputs, "outputs": moved.outputs}
    return {**told, **ends, "producer": facets.producer(), "schemaURL": facets.EVENT}


def _name(tenant_id: UUID, kind: str) -> dict[str, str]:
    return {"namespace": facets.namespace(tenant_id), "name": kind}


def _about(label: str) -> dict[str, Any]:
    return {
        "jobType": facets.facet("jobType", processingType="BATCH", integration="TRADE_NEXUS", jobType="JOB"),
        "documentation": facets.facet("documentation", description=label),
    }


def _engine() -> dict[str, Any]:
    return facets.facet("processing_engine", name="trade-nexus", version=settings.NEXUS_VERSION)
