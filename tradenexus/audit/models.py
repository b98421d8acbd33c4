"""Head: one row per tenant that numbers its audit entries and events. Entry: one link of the tenant's audit chain."""

from django.db import models

from tradenexus.tenancy.models import Tenant, TenantOwned

GENESIS = "0" * 64


class Head(models.Model):
    """The tenant's counters. Its row lock makes number order equal commit order."""

    tenant = models.OneToOneField(Tenant, on_delete=models.PROTECT, primary_key=True, related_name="+")
    audit_seq = models.BigIntegerField(default=0)
    audit_hash = models.CharField(max_length=64, default=GENESIS)
    audit_previous = models.CharField(max_length=64, blank=True, default="")  # the newest entry's prev_hash
    event_seq = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = "trail"

    def __str__(self) -> str:
        return f"audit {self.audit_seq}, events {self.event_seq}"


class Entry(TenantOwned):
    """What happened to what, by whom, on whose request: append-only, hashed over the entry before it."""

    prefix = "aud"
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    user_id = models.UUIDField(null=True)
    via = models.CharField(max_length=40)
    request_id = models.CharField(max_length=128)
    action = models.CharField(max_length=80)
    subject = models.CharField(max_length=48)
    old = models.CharField(max_length=80, blank=True)
    new = models.CharField(max_length=80, blank=True)
    reason = models.TextField(blank=True)
    details = models.JSONField(default=dict)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta(TenantOwned.Meta):
        verbose_name_plural = "entries"
        constraints = [models.UniqueConstraint(fields=["tenant", "seq"], name="audit_chain")]
        indexes = [
            models.Index(fields=["tenant", "subject", "-seq"], name="audit_of_subject"),  # activity of one object
            models.Index(fields=["tenant", "user_id", "-seq"], name="audit_of_person"),  # ?actor=
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action} {self.subject}"
