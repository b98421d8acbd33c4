"""LoginLink: a one-time way to sign in, kept as a hash. Preference: how a person wants the pages."""

from django.db import models

from tradenexus.tenancy.models import User


class LoginLink(models.Model):
    """A link that signs one person in, once, until it expires."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"sign-in link of {self.user_id}"


class Preference(models.Model):
    """How one person wants the pages: {name: value}, names as in `accounts.preferences`."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="+")
    chosen = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"preferences of {self.user_id}"
