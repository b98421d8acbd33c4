"""How people look at the list of datasets: saved views (a name for a query string) and the columns they chose."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tradenexus.tenancy.models import TenantOwned, User


class SavedView(TenantOwned):
    """A name for filters of the list, one person's; a shared one is seen by the whole workspace."""

    prefix = "view"
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=1000)  # as in the address: state=ready&kind=bars; "" is the whole list
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "view"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user", "name"], name="view_name_once"),
            models.CheckConstraint(condition=~Q(name=""), name="view_has_a_name"),
        ]
        indexes = [
            # what others share with me
            models.Index(fields=["tenant", "name"], condition=Q(shared=True), name="view_shared"),
        ]

    def __str__(self) -> str:
        return self.name


class ListColumns(models.Model):
    """The columns one person wants to see in the list, in no order: the list has its own."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="+")
    chosen = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"columns of {self.user_id}"
