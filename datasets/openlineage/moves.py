"""Jobs that make versions: receiving an upload, validating, candles; many jobs at once, {job's id: what it moved}."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet, Sum

from datasets.models import DatasetVersion, QualityReport, UploadSession, VersionFile
from datasets.openlineage import named
from tradenexus import ids
from tradenexus.jobs.models import Job, State
from tradenexus.openlineage import facets
from tradenexus.openlineage.facets import Moved

GREEN, AMBER = "GREEN", "AMBER"


def ingest(tenant_id: UUID, jobs: list[Job]) -> dict[str, Moved]:
    """Bytes of an upload became a version's raw file; of a duplicate nothing was made."""
    rows = UploadSession.of(tenant_id).select_related("version__dataset")
    known, told = named.subjects(rows, jobs, "uploadId"), {}
    for job in jobs:
        if row := known.get(job.ref):
            made = row.version if job.state == State.SUCCEEDED and not row.duplicate_of else None
            outputs = [named.raw(made, size_bytes=made.size_bytes, files=1)] if made and made.raw_key else []
            told[job.ref] = Moved([named.upload(row)], outputs)
    return told


def validate(tenant_id: UUID, jobs: list[Job]) -> dict[str, Moved]:
    """A raw file was read and judged; what is not RED became the version's rows."""
    known = named.subjects(_versions(tenant_id), jobs, "versionId")
    judged = QualityReport.of(tenant_id).filter(version__in=known.values(), job_ref__in=list(known))
    reports = {(report.version_id, report.job_ref): report for report in judged}
    files, told = _files(known.values()), {}
    for job in jobs:
        if row := known.get(job.ref):
            read = named.raw(row)
            if report := reports.get((row.id, job.ref)):
                checks = [_assertion(each) for each in report.body.get("checks") or []]
                read = facets.judged(read, checks, (report.body.get("rows") or {}).get("read"), row.size_bytes)
            passed = (job.result or {}).get("grade") in (GREEN, AMBER)
            told[job.ref] = Moved([read], [_written(row, files)] if passed and row.sealed_at else [])
    return told


def candles(tenant_id: UUID, jobs: list[Job]) -> dict[str, Moved]:
    """Bars were made of a version, one version a frequency."""
    asked = {job.ref: job.params.get("versionIds") or [job.params["versionId"]] for job in jobs}
    keys = {ids.decode(DatasetVersion.prefix, ref) for refs in asked.values() for ref in refs}
    rows = list(_versions(tenant_id).filter(id__in=keys).select_related("parent__dataset").order_by("number"))
    files, told = _files(rows), {}
    for job in jobs:
        mine = [row for row in rows if row.ref in set(asked[job.ref])]
        sources = {row.parent_id: row.parent for row in mine if row.parent}
        done = job.state == State.SUCCEEDED
        outputs = [_written(row, files) for row in mine if row.sealed_at] if done else []
        told[job.ref] = Moved([named.version(source) for source in sources.values()], outputs)
    return told


def _versions(tenant_id: UUID) -> QuerySet[DatasetVersion]:
    return DatasetVersion.of(tenant_id).select_related("dataset")


def _files(rows: Iterable[DatasetVersion]) -> dict[UUID, tuple[int, int]]:
    """Return by version the bytes and the number of its files."""
    files = VersionFile.objects.filter(version__in=list(rows)).order_by().values_list("version_id")
    return {key: (size, count) for key, size, count in files.annotate(Sum("size_bytes"), Count("id"))}


def _written(row: DatasetVersion, files: dict[UUID, tuple[int, int]]) -> facets.Set:
    size, count = files.get(row.id, (None, 0))
    return named.version(row, rows=row.row_count, size_bytes=size, files=count)


def _assertion(check: dict[str, Any]) -> dict[str, Any]:
    """A check as an assertion: AMBER has failed as a warning, RED as an error."""
    grade = check["grade"]
    told = {"assertion": check["id"], "success": grade == GREEN}
    if grade != GREEN:
        told["severity"] = "warn" if grade == AMBER else "error"
    for name, value in (("actual", check.get("measured")), ("expected", check.get("limit"))):
        if value is not None:
            told[name] = f"{value}" if name == "actual" else f"at most {value}"
    return told
