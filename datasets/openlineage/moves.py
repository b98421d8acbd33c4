"""Jobs that make versions: receiving an upload, validating, candles."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Sum

from datasets.models import DatasetVersion, QualityReport, UploadSession
from datasets.openlineage import named
from tradenexus import ids
from tradenexus.jobs.models import Job, State
from tradenexus.openlineage import facets
from tradenexus.openlineage.facets import Moved

GREEN, AMBER = "GREEN", "AMBER"


def ingest(tenant_id: UUID, job: Job) -> Moved:
    """Bytes of an upload became a version's raw file; of a duplicate nothing was made."""
    key = ids.decode(UploadSession.prefix, job.params["uploadId"])
    row = UploadSession.of(tenant_id).select_related("version__dataset").filter(id=key).first()
    if row is None:
        return Moved()
    made = row.version if job.state == State.SUCCEEDED and not row.duplicate_of else None
    outputs = [named.raw(made, size_bytes=made.size_bytes, files=1)] if made and made.raw_key else []
    return Moved([named.upload(row)], outputs)


def validate(tenant_id: UUID, job: Job) -> Moved:
    """A raw file was read and judged; what is not RED became the version's rows."""
    row = _versions(tenant_id, [job.params["versionId"]]).first()
    if row is None:
        return Moved()
    report = QualityReport.of(tenant_id).filter(version=row, job_ref=job.ref).first()
    read = named.raw(row)
    if report is not None:
        rows = (report.body.get("rows") or {}).get("read")
        read = facets.judged(read, [_assertion(each) for each in report.body.get("checks") or []], rows, row.size_bytes)
    passed = (job.result or {}).get("grade") in (GREEN, AMBER)
    return Moved([read], [_written(row)] if passed and row.sealed_at else [])


def candles(tenant_id: UUID, job: Job) -> Moved:
    """Bars were made of a version, one version a frequency."""
    refs = job.params.get("versionIds") or [job.params["versionId"]]
    rows = list(_versions(tenant_id, refs).select_related("dataset", "parent__dataset").order_by("number"))
    sources = {row.parent_id: row.parent for row in rows if row.parent}
    outputs = [_written(row) for row in rows if row.sealed_at] if job.state == State.SUCCEEDED else []
    return Moved([named.version(source) for source in sources.values()], outputs)


def _versions(tenant_id: UUID, refs: list[str]) -> Any:
    keys = [ids.decode(DatasetVersion.prefix, ref) for ref in refs]
    return DatasetVersion.of(tenant_id).select_related("dataset").filter(id__in=keys)


def _written(row: DatasetVersion) -> facets.Set:
    files = row.files.aggregate(size=Sum("size_bytes"))
    return named.version(row, rows=row.row_count, size_bytes=files["size"], files=row.files.count())


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
