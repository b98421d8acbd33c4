"""FeatureCoverage: what one build of a feature covered, as a stored document; its row keeps that from being garbage."""

from __future__ import annotations

from django.db import models

from tradenexus.tenancy.models import TenantOwned


class FeatureCoverage(TenantOwned):
    """The document of a build's newest attempt, also of one that failed; it goes with the job."""

    prefix = "fcv"
    job = models.OneToOneField("jobs.Job", on_delete=models.CASCADE, related_name="feature_coverage")
    feature = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    created_at = models.DateTimeField()  # of the document

    class Meta(TenantOwned.Meta):
        verbose_name = "coverage of a feature"
        # features.run.last_coverage
        indexes = [models.Index(fields=["tenant", "feature", "-created_at"], name="feature_coverage_newest")]

    def __str__(self) -> str:
        return f"{self.feature} {self.created_at:%Y-%m-%d %H:%M}Z"
