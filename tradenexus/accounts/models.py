"""LoginLink: a one-time way to sign in, kept as a hash."""

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
