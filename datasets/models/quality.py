"""QualityReport: the verdict on one validation of one version."""

from django.db import models

from tradenexus.tenancy.models import TenantOwned


class QualityReport(TenantOwned):
    """The newest report of a version; `body` is the contract's QualityReport without ids and status."""

    prefix = "qr"
    version = models.OneToOneField("datasets.DatasetVersion", on_delete=models.PROTECT, related_name="report")
    grade = models.CharField(max_length=5)
    score = models.FloatField()
    profile = models.CharField(max_length=16)
    body = models.JSONField()
    rejects_key = models.CharField(max_length=255, blank=True)
    rejects_count = models.BigIntegerField(default=0)
    job_ref = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "quality report"

    def __str__(self) -> str:
        return f"{self.grade} {self.score}"
