"""Workspaces, people, memberships, keys and failed sign-ins in the operations desk."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from axes.models import AccessAttempt
from django import forms
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db.models import Q

from tradenexus import ids
from tradenexus.accounts import keyring, people
from tradenexus.actor import Actor
from tradenexus.errors import Conflict
from tradenexus.ops.deeds import Deed
from tradenexus.ops.desk import Desk
from tradenexus.tenancy.models import ApiKey, Membership, Tenant, User


def _quota(actor: Actor, tenant: Tenant, reason: str, quota_bytes: int | None) -> str:
    people.set_quota(actor, tenant, quota_bytes, reason)
    return "the default applies" if quota_bytes is None else f"{quota_bytes:,} bytes"


def _bytes_field() -> forms.Field:
    words = "Bytes it may hold; empty: the installation's default"
    return forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, label="Quota", help_text=words)


@admin.register(Tenant)
class TenantDesk(Desk):
    """Workspaces."""

    list_display = ("name", "created_at", "reserved_bytes", "quota_bytes")
    search_fields = ("name",)
    deeds = (
        Deed(
            "set_quota",
            "Set quota",
            "Sets how many bytes the workspace may hold. Below what it holds, new uploads are refused and nothing is "
            "removed.",
            _quota,
            {"quota_bytes": _bytes_field},
        ),
    )

    def tenant_of(self, thing: Tenant) -> UUID:
        """Itself."""
        return thing.id

    def ref_of(self, thing: Tenant) -> str:
        """As the audit names it."""
        return ids.encode("tnt", thing.id)


def _close(actor: Actor, person: User, reason: str) -> str:
    people.close(actor, person, reason)
    return "closed: sign-in, sessions and keys are refused from now on"


def _reopen(actor: Actor, person: User, reason: str) -> str:
    people.reopen(actor, person, reason)
    return "open again"


def _let_in(actor: Actor, person: User, reason: str, access: str) -> str:
    people.let_in(actor, person, access, permissions(access), reason)
    return {"none": "out of the operations desk", "look": "may look", "act": "may look and act"}[access]


def permissions(access: str) -> Any:
    """Return what an access grants: to see every desk, and for `act` to do the deeds of those that have some."""
    asked = Q(pk=None)
    for model, desk in admin.site._registry.items():
        words = ["view", "change"] if access == "act" and getattr(desk, "deeds", None) else ["view"]
        names = [f"{word}_{model._meta.model_name}" for word in words]
        asked |= Q(content_type__app_label=model._meta.app_label, codename__in=names)
    return Permission.objects.filter(asked)


def _access_field() -> forms.Field:
    choices = [("look", "look only"), ("act", "look and act"), ("none", "none: take it away")]
    return forms.ChoiceField(choices=choices, label="Access")


@admin.register(User)
class UserDesk(Desk):
    """People, by address; never their passwords."""

    list_display = ("email", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email",)
    fields = ("email", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "groups", "last_login")
    deeds = (
        Deed(
            "close",
            "Close account",
            "Refuses the person's sign-in, sessions and keys from the next request on. Use it when somebody leaves or "
            "an account is in wrong hands. What the person made stays.",
            _close,
        ),
        Deed("reopen", "Reopen account", "Lets a closed account in again, with the keys it had.", _reopen),
        Deed(
            "let_in",
            "Set operations access",
            "Lets the person into this desk to look, or to look and act, or takes it away. Only superusers may do it.",
            _let_in,
            {"access": _access_field},
            superusers=True,
        ),
    )

    def tenant_of(self, thing: User) -> UUID | None:
        """The one joined first; the trail of each of the person's workspaces tells of it (accounts.people)."""
        rows = Membership.everyone.filter(user=thing).order_by("created_at", "id")
        return rows.values_list("tenant_id", flat=True).first()

    def ref_of(self, thing: User) -> str:
        """As the audit names a person."""
        return people.ref(thing)


@admin.register(Membership)
class MembershipDesk(Desk):
    """Who is what, where."""

    list_display = ("user", "tenant", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "tenant")
    search_fields = ("user__email", "tenant__name")
    product = "/settings/workspace/"


def _revoke(actor: Actor, key: ApiKey, reason: str) -> str:
    if key.revoked_at:
        raise Conflict("the key was revoked already")
    keyring.revoke(actor, key, reason)
    return "revoked: its next request is refused"


@admin.register(ApiKey)
class ApiKeyDesk(Desk):
    """Keys; never their secrets nor the hashes of them."""

    list_display = ("name", "lookup", "user", "tenant", "last_used_at", "expires_at", "revoked_at")
    list_select_related = ("user", "tenant")
    search_fields = ("=lookup", "user__email")
    search_help_text = "The eight characters after nx_, or the owner's e-mail address"
    exclude = ("secret_hash",)
    product = "/settings/keys/"
    deeds = (
        Deed(
            "revoke",
            "Revoke",
            "Refuses the key from its next request on; this cannot be undone. Use it when a key leaked. Its owner "
            "makes a new one in the settings: nobody else ever sees a secret.",
            _revoke,
        ),
    )


def _unlock(actor: Actor, attempt: AccessAttempt, reason: str) -> str:
    people.unlock(actor, attempt, reason)
    return "may sign in again at once"


@admin.register(AccessAttempt)
class AccessAttemptDesk(Desk):
    """Failed sign-ins that count towards a lockout."""

    list_display = ("username", "ip_address", "failures_since_start", "attempt_time")
    fields = ("username", "ip_address", "user_agent", "path_info", "failures_since_start", "attempt_time")
    search_fields = ("=username", "=ip_address")
    deeds = (
        Deed(
            "unlock",
            "Unlock sign-in",
            "Forgets the failures of this name from this address, so that the person need not wait. Make sure first "
            "that it is the person who asks.",
            _unlock,
        ),
    )
