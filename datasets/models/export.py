"""Nightly bundles of the lake: what was exported when, and every file of it with its checksum."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tradenexus.tenancy.models import TenantOwned

MIRROR = "export.mirror"  # the kind of the job that keeps the files beside the bundles up to date


class ExportState(models.TextChoices):
    """How far a bundle is. One that is being built anew still serves what it held before (`folder`)."""

    QUEUED = "queued"
    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"


class ExportBundle(TenantOwned):
    """The bundle of one night. `folder` is the name of what is served, empty while there is nothing."""

    prefix = "exp"
    night = models.DateField()
    state = models.CharField(max_length=8, choices=ExportState.choices, default=ExportState.QUEUED)
    parameters = models.JSONField(default=dict)  # tables, instruments, includeAmber, as they were asked for
    folder = models.CharField(max_length=64, blank=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    base = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")
    files_count = models.IntegerField(default=0)
    unchanged_count = models.IntegerField(default=0)  # files that the base has too, under the same path
    entries = models.IntegerField(default=0)
    partitions = models.IntegerField(default=0)  # sessions that are in it
    held_back = models.IntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    changed_bytes = models.BigIntegerField(default=0)  # of the files that the base lacks
    summary = models.JSONField(default=dict)  # by table: entries, partitions, heldBack, files, rows, sizeBytes
    error = models.JSONField(null=True)  # code and message of the last build, when it failed
    job_ref = models.CharField(max_length=40, blank=True)
    created_by = models.ForeignKey("tenancy.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    built_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "export"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "night"], name="export_once_a_night"),  # lists: newest first
            models.CheckConstraint(condition=Q(state__in=ExportState.values), name="export_state"),
            models.CheckConstraint(
                condition=~Q(state="ready") | (~Q(folder="") & ~Q(manifest_sha256="")), name="export_ready_has_files"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.night}"


class ExportFile(models.Model):
    """One file of a bundle: what may be downloaded, and what the next bundle can take over."""

    bundle = models.ForeignKey(ExportBundle, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=255)  # in the bundle, with `/`
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    rows = models.BigIntegerField(null=True)
    recipe = models.CharField(max_length=64, blank=True)  # digest of what it was made from: equal ones need no work
    unchanged = models.BooleanField(default=False)  # the base has the same bytes under this path

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bundle", "path"], name="export_file_once")]  # downloads

    def __str__(self) -> str:
        return self.path


class ExportPull(TenantOwned):
    """What one person pulled of a bundle on one day (UTC); one that was built anew is another bundle here."""

    prefix = "pll"
    bundle = models.ForeignKey(ExportBundle, on_delete=models.CASCADE, related_name="pulls")
    user = models.ForeignKey("tenancy.User", null=True, on_delete=models.SET_NULL, related_name="+")
    manifest_sha256 = models.CharField(max_length=64)
    day = models.DateField()
    files = models.IntegerField(default=0)  # that were sent to their end
    archives = models.IntegerField(default=0)  # whole bundles in one piece
    size_bytes = models.BigIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        verbose_name = "pull"
        constraints = [
            models.UniqueConstraint(fields=["bundle", "user", "manifest_sha256", "day"], name="export_pull_once"),
        ]

    def __str__(self) -> str:
        return f"{self.bundle_id} {self.day}"
