"""BulkAction: one action on many datasets, asked for once; BulkItem: what came of it for each of them.

The datasets are written down when it is asked for: those that were confirmed are acted on, whatever the filter finds
later. The items are the ledger too: what is pending has still to be done, after a crash as well.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tradenexus.tenancy.models import TenantOwned


class ItemState(models.TextChoices):
    """pending waits for its turn; done and refused are ends."""

    PENDING = "pending"
    DONE = "done"
    REFUSED = "refused"


class BulkAction(TenantOwned):
    """An action (a name of datasets.bulk's table) on `total` datasets; finished when no item is pending."""

    prefix = "bulk"
    user = models.ForeignKey("tenancy.User", null=True, on_delete=models.SET_NULL, related_name="+")
    action = models.CharField(max_length=24)
    asked = models.JSONField(default=dict)  # the filters, or {} when datasets were named one by one
    key = models.CharField(max_length=128, null=True)  # of the form it was sent with: a form sent twice acts once
    total = models.IntegerField(default=0)
    job = models.ForeignKey("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "bulk action"
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="bulk_key_once")]

    def __str__(self) -> str:
        return f"{self.action} of {self.total}"


class BulkItem(models.Model):
    """One dataset of a bulk action."""

    bulk = models.ForeignKey(BulkAction, on_delete=models.CASCADE, related_name="items")
    number = models.IntegerField()
    dataset = models.ForeignKey("datasets.Dataset", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=ItemState.choices, default=ItemState.PENDING)
    version = models.IntegerField(null=True)  # the one it was done to
    code = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)
    job_ref = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bulk", "number"], name="bulk_item_number"),
            models.UniqueConstraint(fields=["bulk", "dataset"], name="bulk_item_once"),
            models.CheckConstraint(condition=Q(state__in=ItemState.values), name="bulk_item_state"),
        ]
        indexes = [
            # what is still to be done, and the outcomes by state
            models.Index(fields=["bulk", "state", "number"], name="bulk_item_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset_id}: {self.state}"
