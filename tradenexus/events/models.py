"""Event: one numbered line of a tenant's outbox."""

from django.db import models

from tradenexus.tenancy.models import TenantOwned


class Event(TenantOwned):
    """What changed, in the order of commit; kept for replay as long as the setting says."""

    prefix = "ev"
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    type = models.CharField(max_length=80)
    subject = models.CharField(max_length=48)
    data = models.JSONField(default=dict)

    class Meta(TenantOwned.Meta):
        # The constraint's index serves the replay: tenant, seq > N, in order.
        constraints = [models.UniqueConstraint(fields=["tenant", "seq"], name="event_order")]
        indexes = [models.Index(fields=["at"], name="event_age")]  # the sweep of old events

    def __str__(self) -> str:
        return f"{self.seq} {self.type} {self.subject}"
