"""What is found of an upload while it still comes in: ProvisionalReport of its first bytes, never a verdict, and
ProvisionalScan of all of it, which the validation takes over when bytes and settings are the same in the end.
"""

from __future__ import annotations

from typing import Any

from django.db import models

from tradenexus.tenancy.models import TenantOwned


class ProvisionalReport(TenantOwned):
    """The newest report on a part of an upload; `body` is the contract's QualityReport without ids and status."""

    prefix = "pr"
    session = models.OneToOneField("datasets.UploadSession", on_delete=models.CASCADE, related_name="provisional")
    covered_bytes = models.BigIntegerField()  # it is of the bytes before this offset
    grade = models.CharField(max_length=5)
    score = models.FloatField()
    hopeless = models.BooleanField()  # RED whatever still comes
    body = models.JSONField()
    job_ref = models.CharField(max_length=40)
    created_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "provisional report"

    @property
    def summary(self) -> str:
        """The report in one line."""
        return str(self.body["summary"])

    @property
    def issues(self) -> list[dict[str, Any]]:
        """What is not GREEN, the worst first."""
        return list(self.body["issues"])

    def __str__(self) -> str:
        return f"{self.grade} of the first {self.covered_bytes} bytes"


class ScanState(models.TextChoices):
    """following reads on as bytes come; ready waits for the validation, which makes it reused or dropped."""

    FOLLOWING = "following"
    READY = "ready"
    REUSED = "reused"
    DROPPED = "dropped"


class ProvisionalScan(TenantOwned):
    """The validation of a whole upload that began before all of it was here. Its files lie in staging (`staged`)."""

    prefix = "ps"
    session = models.OneToOneField("datasets.UploadSession", on_delete=models.CASCADE, related_name="scan")
    state = models.CharField(max_length=9, default=ScanState.FOLLOWING, choices=ScanState.choices)
    key = models.CharField(max_length=64)  # of everything but the bytes that the answer depends on
    sha256 = models.CharField(max_length=64, blank=True)  # of the bytes that were read
    room = models.CharField(max_length=80)  # the folder of one attempt, below the upload's in staging
    found = models.JSONField(null=True)  # what was found, file names in place of paths; while it is ready
    reason = models.TextField(blank=True)  # why it was dropped
    job_ref = models.CharField(max_length=40)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "provisional scan"
        constraints = [models.CheckConstraint(condition=models.Q(state__in=ScanState.values), name="scan_state")]

    @property
    def words(self) -> str:
        """How it stands, for people."""
        return {
            ScanState.FOLLOWING: "The whole file is being validated as it comes in.",
            ScanState.READY: "The file was validated as it came in; its validation takes that over.",
            ScanState.REUSED: "The validation took over what was found while the file came in.",
            ScanState.DROPPED: f"What was read of the file while it came in is not used: {self.reason}.",
        }[ScanState(self.state)]

    def __str__(self) -> str:
        return f"{self.state} scan of {self.session_id}"
