"""Dataset (a user's), its versions, and the canonical files of a version. The version carries the state."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tradenexus.tenancy.models import TenantOwned


class Status(models.TextChoices):
    """States of a version, exactly the contract's."""

    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    VALIDATING = "validating"
    VALIDATED = "validated"
    VALIDATION_FAILED = "validation_failed"
    TRANSFORMING = "transforming"
    READY = "ready"
    TRANSFORM_FAILED = "transform_failed"
    PUBLISHING = "publishing_lona"
    PUBLISHED = "published_lona"
    PUBLISH_FAILED = "publish_failed"
    ARCHIVED = "archived"


class Dataset(TenantOwned):
    """A named series of versions."""

    prefix = "ds"
    name = models.CharField(max_length=255)
    owner = models.ForeignKey("tenancy.User", null=True, on_delete=models.SET_NULL, related_name="+")
    # The newest version's number and status, kept by lifecycle and versions in the same statement's transaction, so
    # that lists filter and sort without a join over all versions.
    version = models.IntegerField(default=0)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.UPLOADING)
    kind = models.CharField(max_length=16, blank=True)
    resolution = models.CharField(max_length=16, blank=True)  # 1m, 1d, ... or ticks, of the newest sealed version
    symbols_text = models.TextField(blank=True)  # "|AAPL|MSFT|" of the newest sealed version, for ?symbol=
    # what people say of it; empty: nobody said
    vendor = models.CharField(max_length=64, blank=True)
    asset_class = models.CharField(max_length=16, blank=True)
    provider_data_id = models.CharField(max_length=128, blank=True)  # a linked global symbol at the provider
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "dataset"
        indexes = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="dataset_list"),  # the list
            models.Index(fields=["tenant", "status", "-created_at", "-id"], name="dataset_by_status"),  # ?state=
            models.Index(fields=["tenant", "name"], name="dataset_by_name"),  # look-up by name
            models.Index(fields=["tenant", "owner", "-created_at", "-id"], name="dataset_by_owner"),  # ?owner=
            models.Index(fields=["tenant", "vendor", "-created_at", "-id"], name="dataset_by_vendor"),  # ?vendor=
            models.Index(
                fields=["tenant", "asset_class", "-created_at", "-id"], name="dataset_by_class"
            ),  # ?assetClass=
            models.Index(fields=["tenant", "resolution", "-created_at", "-id"], name="dataset_by_resolution"),
        ]

    def __str__(self) -> str:
        return self.name


class DatasetVersion(TenantOwned):
    """One state of a dataset's content. Opened empty, sealed once; sealed content never changes, status may."""

    prefix = "dsv"
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="versions")
    number = models.IntegerField()
    status = models.CharField(max_length=20, choices=Status.choices)
    status_reason = models.TextField(blank=True)
    operation = models.CharField(max_length=40)  # upload, candles, fix, link, ...
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="children")
    # the refused rows of the lake that a fix made this of; it has no parent then
    quarantine = models.ForeignKey(
        "datasets.LakeQuarantine", null=True, on_delete=models.PROTECT, related_name="versions"
    )
    params = models.JSONField(default=dict)
    created_by = models.ForeignKey("tenancy.User", null=True, on_delete=models.SET_NULL, related_name="+")
    # what came in
    filename = models.CharField(max_length=1024, blank=True)
    content_type = models.CharField(max_length=255, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)  # of the raw file; of the manifest for a derived version
    raw_key = models.CharField(max_length=255, blank=True)
    # what it says
    kind = models.CharField(max_length=16, blank=True)  # trades, quotes, bars
    interval = models.CharField(max_length=16, blank=True)
    venue = models.CharField(max_length=64, blank=True)
    plan = models.JSONField(null=True)  # how the raw file is read
    row_count = models.BigIntegerField(null=True)
    start_ns = models.BigIntegerField(null=True)
    end_ns = models.BigIntegerField(null=True)  # of the last row, inclusive
    symbols = models.JSONField(default=list)
    grade = models.CharField(max_length=5, blank=True)
    score = models.FloatField(null=True)
    content_digest = models.CharField(max_length=64, blank=True)  # of the canonical files' manifest
    sealed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "version"
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="version_number"),
            models.CheckConstraint(condition=Q(number__gte=1), name="version_number_positive"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="version_status"),
            models.CheckConstraint(
                condition=Q(sealed_at__isnull=True) | ~Q(content_digest=""), name="version_sealed_has_digest"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "sha256"], name="version_by_digest"),  # duplicateOf
            models.Index(fields=["dataset", "status", "-number"], name="version_newest_in_state"),
            models.Index(fields=["tenant", "status", "-created_at"], name="version_by_status"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset_id}@{self.number}"


class VersionFile(models.Model):
    """One canonical Parquet file of a version: the rows of one instrument, sorted by time."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="files")
    number = models.IntegerField()
    instrument = models.CharField(max_length=128)
    venue = models.CharField(max_length=64, blank=True)
    interval = models.CharField(max_length=16, blank=True)
    key = models.CharField(max_length=255)
    rows = models.BigIntegerField()
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    t0_ns = models.BigIntegerField()
    t1_ns = models.BigIntegerField()  # of the last row, inclusive

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "number"], name="version_file_once")]
        indexes = [
            # reads name their files: one instrument of a version, by range
            models.Index(fields=["version", "instrument", "t1_ns", "t0_ns"], name="version_file_range"),
        ]

    def __str__(self) -> str:
        return f"{self.instrument} ({self.rows} rows)"
