"""What is found of an upload while it comes in, as the API shows it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from datasets.models import ProvisionalReport, ProvisionalScan, ScanState, UploadSession
from tradenexus import ids
from tradenexus.jobs.models import Job


class ScanSerializer(serializers.Serializer):
    """The validation of the whole file that begins before it is all here."""

    state = serializers.ChoiceField(
        ScanState.values, help_text="ready: for the validation to take over, if bytes and settings are the same then"
    )
    scannedBytes = serializers.IntegerField(allow_null=True, help_text="null where that is not known any more")
    reason = serializers.CharField(allow_null=True, help_text="why it was dropped")
    jobId = serializers.CharField()


class ProvisionalSerializer(serializers.Serializer):
    """What the first bytes of an upload say while the others still come in; never the verdict."""

    coveredBytes = serializers.IntegerField(help_text="it is of the bytes before this offset")
    grade = serializers.ChoiceField(("GREEN", "AMBER", "RED"))
    score = serializers.FloatField()
    hopeless = serializers.BooleanField(help_text="RED even if all that has still to come were perfect")
    summary = serializers.CharField()
    issues = serializers.ListField(child=serializers.DictField())
    rows = serializers.DictField()
    jobId = serializers.CharField()
    createdAt = serializers.DateTimeField()
    checks = serializers.ListField(
        child=serializers.DictField(), required=False, help_text="as in a quality report; not in lists"
    )
    scan = ScanSerializer(
        required=False, allow_null=True, help_text="how far the whole file is, and whether that was used; not in lists"
    )


def render(session: UploadSession, whole: bool) -> dict[str, Any] | None:
    """Return the newest report and the scan of an upload, None before there is a report; `whole` with every check."""
    report: ProvisionalReport | None = getattr(session, "provisional", None)
    if report is None:
        return None
    told = {
        "coveredBytes": report.covered_bytes,
        "grade": report.grade,
        "score": report.score,
        "hopeless": report.hopeless,
        "summary": report.summary,
        "issues": report.issues,
        "rows": report.body["rows"],
        "jobId": report.job_ref,
        "createdAt": report.created_at,
    }
    return told | ({"checks": report.body["checks"], "scan": _scan(session)} if whole else {})


def _scan(session: UploadSession) -> dict[str, Any] | None:
    scan: ProvisionalScan | None = getattr(session, "scan", None)
    if scan is None:
        return None
    scanned = session.length if scan.state in (ScanState.READY, ScanState.REUSED) else None
    if scan.state == ScanState.FOLLOWING:
        job = Job.of(session.tenant_id).filter(id=ids.decode(Job.prefix, scan.job_ref)).first()
        scanned = int(job.progress.get("done") or 0) if job else None
    return {"state": scan.state, "scannedBytes": scanned, "reason": scan.reason or None, "jobId": scan.job_ref}
