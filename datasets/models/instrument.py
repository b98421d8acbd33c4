"""Instrument: what is traded where, with the dates between which each description was true."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from tradenexus.tenancy.models import TenantOwned


class Instrument(TenantOwned):
    """One description of an instrument, true in [valid_from, valid_until). A change closes it and opens the next."""

    prefix = "ins"
    name = models.CharField(max_length=97)  # VENUE:SYMBOL
    venue = models.CharField(max_length=32)
    symbol = models.CharField(max_length=64)
    type = models.CharField(max_length=8)
    base = models.CharField(max_length=32, blank=True)
    quote = models.CharField(max_length=32, blank=True)
    tick_size = models.CharField(max_length=32, blank=True)  # exact decimal text
    lot_size = models.CharField(max_length=32, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")
    calendar = models.CharField(max_length=16, blank=True)  # empty: nobody can say which sessions to expect
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)
    created_by = models.ForeignKey("tenancy.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "instrument"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name", "valid_from"], name="instrument_once"),
            models.UniqueConstraint(
                fields=["tenant", "name"], condition=Q(valid_until__isnull=True), name="instrument_one_in_force"
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")), name="instrument_dates"
            ),
        ]

    def __str__(self) -> str:
        return self.name
