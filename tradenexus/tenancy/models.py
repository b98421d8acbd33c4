"""Tenant (a workspace), User (a person), Membership (a person's role in it), ApiKey (a program's credential).

Every row that belongs to a tenant derives from TenantOwned: it is read through `Model.of(tenant_id)`; the unscoped
manager carries a loud name, `everyone`, which the API, pages and finders may not use (tests/house keeps it).
"""

from __future__ import annotations

from typing import Any, ClassVar, Self
from uuid import UUID

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models

from tradenexus import ids


class Tenant(models.Model):
    """A workspace: the wall between one firm's data and another's."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    name = models.CharField(max_length=120, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Bytes reserved by open uploads and held by versions; moved only by compare-and-swap (uploads.sessions).
    reserved_bytes = models.BigIntegerField(default=0)
    quota_bytes = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(reserved_bytes__gte=0), name="tenant_reserved_bytes")]

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    """Makes people, named by their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a person; without a password they sign in by link only."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password) if password else user.set_unusable_password()
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create an operator of this installation."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """A person, known by e-mail address."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    username = None  # type: ignore[assignment]
    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    def __str__(self) -> str:
        return self.email


class TenantOwned(models.Model):
    """A row of one tenant, with a typed id."""

    prefix: ClassVar[str] = ""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")

    everyone: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        abstract = True
        default_manager_name = "everyone"
        base_manager_name = "everyone"

    @classmethod
    def of(cls, tenant_id: UUID) -> models.QuerySet[Self]:
        """Return this tenant's rows, and no others."""
        return cls.everyone.filter(tenant_id=tenant_id)

    @property
    def ref(self) -> str:
        """The typed id, e.g. `ds_0198…`."""
        return ids.encode(self.prefix, self.id)


class Role(models.TextChoices):
    """What a person may do in a tenant: viewer reads; editor writes and publishes too; admin does all."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"


SCOPES_OF_ROLE: dict[str, frozenset[str]] = {
    Role.VIEWER: frozenset({"read"}),
    Role.EDITOR: frozenset({"read", "write", "publish"}),
    Role.ADMIN: frozenset({"read", "write", "publish", "admin"}),
}


class Membership(TenantOwned):
    """A person's role in a tenant."""

    prefix = "mbr"
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.tenant}"

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes this role grants."""
        return SCOPES_OF_ROLE[self.role]


class ApiKey(TenantOwned):
    """A credential `nx_<prefix>_<secret>`; only a hash of the secret is stored. It never exceeds its owner's role."""

    prefix = "key"
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="keys")
    name = models.CharField(max_length=120)
    lookup = models.CharField(max_length=8, unique=True)  # the <prefix> part: finds the row
    secret_hash = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} (nx_{self.lookup}_…)"
