"""ProvisionalReport: what the first bytes of an upload say while the others still come in. Never a verdict."""

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
