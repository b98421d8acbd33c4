"""RepairRun: one look for gaps and what was done about them; RepairItem: one range of it, and its outcome;
VendorAnswer: a range that a vendor has answered for, so that it is not asked for it again at once.

The items are the ledger of the run: what is pending or landed has still to be done, after a crash as well.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from tradenexus.tenancy.models import TenantOwned


class RepairState(models.TextChoices):
    """pending -> landed (its rows lie in staging) -> pending with the next vendor, or an end.

    planned: only looked for; left: the run's budget was used up before its turn came, or another run has it in hand.
    """

    PENDING = "pending"
    LANDED = "landed"
    PLANNED = "planned"
    LEFT = "left"
    REPAIRED = "repaired"
    PARTLY = "partly"
    QUARANTINED = "quarantined"
    NO_DATA = "no_data"
    FAILED = "failed"


UNSETTLED = (RepairState.PENDING, RepairState.LANDED)


class RepairRun(TenantOwned):
    """One repair. Until `detected_at` its gaps are not known; it is finished when no item is pending or landed."""

    prefix = "rpr"
    user = models.ForeignKey("tenancy.User", null=True, on_delete=models.SET_NULL, related_name="+")
    job = models.ForeignKey("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    selection = models.JSONField(default=dict)  # entries, from, to, kinds, again
    plan = models.BooleanField(default=False)  # nothing is fetched
    found = models.JSONField(default=dict)  # as planning.plan tells it, and held
    spent = models.JSONField(default=dict)  # calls and rows, of vendors
    created_at = models.DateTimeField(auto_now_add=True)
    detected_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "repair"
        indexes = [models.Index(fields=["tenant", "-created_at"], name="repair_run_newest")]

    def __str__(self) -> str:
        return f"repair {self.created_at:%Y-%m-%d %H:%M}Z"


class RepairItem(models.Model):
    """A range of one entry, asked for at once, with the gaps in it: `missing` rows at first, `filled` of them now."""

    run = models.ForeignKey(RepairRun, on_delete=models.CASCADE, related_name="items")
    number = models.IntegerField()
    table = models.CharField(max_length=48)
    instrument = models.CharField(max_length=97)
    kind = models.CharField(max_length=16)  # MISSING, MISSING_ROWS, GAP: the first gap's
    start_ns = models.BigIntegerField()
    end_ns = models.BigIntegerField()
    missing = models.IntegerField()  # bars; sessions of a table without an interval
    filled = models.IntegerField(default=0)
    gaps = models.JSONField(default=list)  # [[start, end, count, kind, day]] that are still there
    state = models.CharField(max_length=12, choices=RepairState.choices, default=RepairState.PENDING)
    asked = models.JSONField(default=list)  # answers (repair.asking.told), in order
    landed = models.JSONField(default=dict)  # the staged file: vendor, name, sha256, rows, ranges, fetchedAt
    code = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="repair_item_number"),
            models.CheckConstraint(condition=Q(state__in=RepairState.values), name="repair_item_state"),
            models.CheckConstraint(condition=Q(end_ns__gt=F("start_ns")), name="repair_item_range"),
        ]
        indexes = [models.Index(fields=["run", "state", "number"], name="repair_item_by_state")]

    def __str__(self) -> str:
        return f"{self.table}/{self.instrument}"


class VendorAnswer(TenantOwned):
    """A range that a vendor answered for, with rows or by saying that there are none to be expected."""

    prefix = "vna"
    table = models.CharField(max_length=48)
    instrument = models.CharField(max_length=97)
    vendor = models.CharField(max_length=64)
    start_ns = models.BigIntegerField()
    end_ns = models.BigIntegerField()
    code = models.CharField(max_length=64, blank=True)  # empty: it gave rows
    answered_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        verbose_name = "answer of a vendor"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "table", "instrument", "vendor", "start_ns", "end_ns"], name="vendor_answer_once"
            )
        ]
        indexes = [models.Index(fields=["answered_at"], name="vendor_answer_age")]

    def __str__(self) -> str:
        return f"{self.vendor}: {self.table}/{self.instrument}"
