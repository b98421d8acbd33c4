"""IngestRun: candidates that were handed in at once; IngestItem: one instrument of one table of them, and its outcome;
TakenFile: a file of the watched folder that was looked at.

The items are the ledger of the run: what is pending or landed has still to be done, after a crash as well.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tradenexus.tenancy.models import TenantOwned


class ItemState(models.TextChoices):
    """pending -> landed (its rows lie in staging) -> an end. fresh: nothing was to be done."""

    PENDING = "pending"
    LANDED = "landed"
    FRESH = "fresh"
    COMMITTED = "committed"
    QUARANTINED = "quarantined"
    NO_DATA = "no_data"
    FAILED = "failed"


OPEN = (ItemState.PENDING, ItemState.LANDED)


class IngestRun(TenantOwned):
    """Candidates handed in at once. It is finished when no item is pending or landed."""

    prefix = "ing"
    user = models.ForeignKey("tenancy.User", null=True, on_delete=models.SET_NULL, related_name="+")
    source = models.CharField(max_length=200, blank=True)  # the file of the watched folder; empty: handed in by a call
    options = models.JSONField(default=dict)  # freshnessHours, full, policy, vendor
    refused = models.JSONField(default=list)  # [{candidate, code, reason}]
    total = models.IntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "ingest"
        indexes = [models.Index(fields=["tenant", "-created_at"], name="ingest_run_newest")]

    def __str__(self) -> str:
        return f"{self.total} candidates {self.created_at:%Y-%m-%d %H:%M}Z"


class IngestItem(models.Model):
    """One instrument of one table of a run: what was asked of which vendor, and what came of it."""

    run = models.ForeignKey(IngestRun, on_delete=models.CASCADE, related_name="items")
    number = models.IntegerField()
    table = models.CharField(max_length=48)
    instrument = models.CharField(max_length=97)
    vendor = models.CharField(max_length=64)
    facts = models.JSONField(default=dict)  # describe the instrument if nobody did before
    start_ns = models.BigIntegerField(null=True)  # asked from here; null: from the vendor's first row
    state = models.CharField(max_length=12, choices=ItemState.choices, default=ItemState.PENDING)
    job = models.ForeignKey("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    landed = models.JSONField(default=dict)  # the staged file: name, sha256, rows, range, fetchedAt, gaps
    code = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)
    findings = models.JSONField(default=list)
    rows = models.BigIntegerField(default=0)  # that the vendor gave
    commit_ref = models.CharField(max_length=40, blank=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "table", "instrument"], name="ingest_item_once"),
            models.UniqueConstraint(fields=["run", "number"], name="ingest_item_number"),
            models.CheckConstraint(condition=Q(state__in=ItemState.values), name="ingest_item_state"),
        ]
        indexes = [
            # outcomes of a run by state, and what a job has still to do
            models.Index(fields=["run", "state", "number"], name="ingest_item_by_state"),
            models.Index(fields=["job", "state"], name="ingest_item_of_job"),
        ]

    def __str__(self) -> str:
        return f"{self.table}/{self.instrument}"


class TakenFile(TenantOwned):
    """A file of the watched folder, by the digest of its content: taken once, or found bad once."""

    prefix = "tkf"
    sha256 = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    run = models.ForeignKey(IngestRun, null=True, on_delete=models.SET_NULL, related_name="+")
    code = models.CharField(max_length=64, blank=True)  # why it was not taken
    taken_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "candidates file"
        constraints = [models.UniqueConstraint(fields=["tenant", "sha256"], name="taken_file_once")]

    def __str__(self) -> str:
        return self.name
