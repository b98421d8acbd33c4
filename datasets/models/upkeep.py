"""What upkeep left behind: the result of each run, and when stored bytes were last read as a whole."""

from __future__ import annotations

from django.db import models

from tradenexus.tenancy.models import Tenant, TenantOwned


class Chore(models.TextChoices):
    """Kinds of upkeep."""

    FSCK = "fsck"
    SCRUB = "scrub"
    GC = "gc"
    AUDIT = "audit"
    BACKUP = "backup"


class Upkeep(TenantOwned):
    """One run of a chore in one workspace; without a workspace: over the whole installation."""

    prefix = "upk"
    tenant = models.ForeignKey(  # type: ignore[assignment]
        Tenant, on_delete=models.PROTECT, related_name="+", null=True, db_index=False
    )
    chore = models.CharField(max_length=8, choices=Chore.choices)
    ok = models.BooleanField()
    result = models.JSONField()
    job_ref = models.CharField(max_length=40, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        verbose_name = "upkeep"
        indexes = [models.Index(fields=["tenant", "chore", "-finished_at"], name="upkeep_newest")]

    def __str__(self) -> str:
        return f"{self.chore} {self.finished_at:%Y-%m-%d %H:%M}Z"


class VersionCheck(models.Model):
    """The newest time the scrub read all stored files of a version, and what was wrong with them."""

    version = models.OneToOneField("datasets.DatasetVersion", on_delete=models.CASCADE, related_name="stored_check")
    checked_at = models.DateTimeField()
    damaged = models.JSONField(default=list)  # [{key, fault}]

    def __str__(self) -> str:
        return f"{self.version_id}: {len(self.damaged)} damaged"


class FileCheck(TenantOwned):
    """The newest time the scrub read a stored file that is neither a version's nor a segment, and its fault then."""

    prefix = "flc"
    key = models.CharField(max_length=255, unique=True)
    checked_at = models.DateTimeField()
    fault = models.TextField(blank=True)  # in a few words; empty: as it was written

    class Meta(TenantOwned.Meta):
        verbose_name = "check of a file"

    def __str__(self) -> str:
        return f"{self.key} {self.fault or 'sound'}"
