"""Snapshot: the segments of chosen entries as they were at one moment, kept under the id of the run that needs them.

A member protects its segment: what a snapshot names is no garbage until the snapshot has expired.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from datasets.models.lake import LakeEntry, LakeSegment
from tradenexus.tenancy.models import TenantOwned


class SnapshotState(models.TextChoices):
    """A frozen snapshot never changes; an expired one has let its segments go and keeps its name and digest."""

    FROZEN = "frozen"
    EXPIRED = "expired"


class Snapshot(TenantOwned):
    """What one run reads: entries and their segments for [start_ns, end_ns)."""

    prefix = "snap"
    name = models.CharField(max_length=128)  # the run's id
    state = models.CharField(max_length=8, choices=SnapshotState.choices, default=SnapshotState.FROZEN)
    asked_digest = models.CharField(max_length=64)  # of what was asked: the same run asking again gets its snapshot
    tables = models.JSONField(default=list)
    start_ns = models.BigIntegerField()
    end_ns = models.BigIntegerField()
    max_staleness_s = models.FloatField(null=True)
    grade = models.CharField(max_length=5)  # the least that each member had to have
    digest = models.CharField(max_length=64)  # of the manifest
    entries = models.IntegerField()
    segments = models.IntegerField()
    rows = models.BigIntegerField()  # of whole segments
    size_bytes = models.BigIntegerField()
    pinned = models.BooleanField(default=False)
    expires_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True)
    damaged = models.IntegerField(default=0)  # segments found missing or changed when it was last verified
    cleared_at = models.DateTimeField(null=True)  # an expired one's files are gone
    created_by = models.ForeignKey("tenancy.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        verbose_name = "snapshot"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="snapshot_name_once"),
            models.CheckConstraint(condition=Q(start_ns__lt=F("end_ns")), name="snapshot_range"),
            models.CheckConstraint(condition=Q(state__in=SnapshotState.values), name="snapshot_state"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="snapshot_newest"),
            models.Index(fields=["expires_at"], condition=Q(state="frozen", pinned=False), name="snapshot_to_expire"),
            models.Index(fields=["state"], condition=Q(cleared_at__isnull=True), name="snapshot_to_clear"),
        ]

    def __str__(self) -> str:
        return self.name


class SnapshotMember(models.Model):
    """One segment of a snapshot, in order; a table of events may have an entry without rows in the range."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="members")
    number = models.IntegerField()
    entry = models.ForeignKey(LakeEntry, on_delete=models.PROTECT, related_name="snapshot_members")
    revision = models.IntegerField()
    segment = models.ForeignKey(LakeSegment, null=True, on_delete=models.PROTECT, related_name="snapshot_members")
    grade = models.CharField(max_length=5, blank=True)  # the entry's worst session in the range, then
    fetched_at = models.DateTimeField(null=True)  # the entry's, then

    class Meta:
        constraints = [models.UniqueConstraint(fields=["snapshot", "number"], name="snapshot_member_once")]

    def __str__(self) -> str:
        return f"{self.snapshot_id}#{self.number}"


class ReturnsMatrix(TenantOwned):
    """Daily returns of candidates, made of one snapshot under stated rules; equal input has equal bytes."""

    prefix = "rmx"
    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="matrices")
    asked_digest = models.CharField(max_length=64)  # of candidates and rules
    table = models.CharField(max_length=48)
    candidates = models.JSONField(default=list)
    rules = models.JSONField(default=dict)
    state = models.CharField(max_length=8, default="building")  # building, ready, failed
    job_ref = models.CharField(max_length=40, blank=True)
    key = models.CharField(max_length=255, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    days = models.IntegerField(default=0)
    kept = models.IntegerField(default=0)
    drops = models.JSONField(default=list)  # [{candidate, reason, words, measured, limit}]
    created_by = models.ForeignKey("tenancy.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        verbose_name = "returns matrix"
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "asked_digest"], name="returns_matrix_once"),
            models.CheckConstraint(condition=Q(state__in=["building", "ready", "failed"]), name="returns_matrix_state"),
        ]
        indexes = [models.Index(fields=["snapshot", "-created_at"], name="returns_matrix_newest")]

    def __str__(self) -> str:
        return f"{self.snapshot_id} {self.table}"
