"""IdempotencyKey: the first answer to a POST that carried an `Idempotency-Key`, kept so that a repeat gets it again."""

from django.db import models

from tradenexus.tenancy.models import TenantOwned


class IdempotencyKey(TenantOwned):
    """One key of one tenant and operation, with the body it came with and the answer it got."""

    prefix = "idk"
    operation = models.CharField(max_length=200)
    key = models.CharField(max_length=128)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    answer = models.JSONField(default=dict)
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "operation", "key"], name="idempotency_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]  # the sweep of old keys

    def __str__(self) -> str:
        return f"{self.operation} {self.key}"
