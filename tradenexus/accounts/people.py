"""What operators do to people and workspaces: close and open accounts, let into the operations desk, set a quota.

A person may belong to several workspaces: the audit trail of each tells of it, and where there is none, the operator's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from axes.models import AccessAttempt
from axes.utils import reset
from django.contrib.auth.models import Group, Permission

from tradenexus import db, ids
from tradenexus.actor import Actor
from tradenexus.errors import Conflict
from tradenexus.events import outbox
from tradenexus.tenancy.models import Membership, Tenant, User

ACCESS = {"none": "", "look": "Operations: look", "act": "Operations: act"}


def ref(person: User) -> str:
    """Return the typed id of a person."""
    return ids.encode("usr", person.id)


def close(actor: Actor, person: User, reason: str) -> None:
    """Close an account: sign-in, sessions and keys are refused from the next request on.

    Conflict when it is closed already, or one's own.
    """
    _refuse_oneself(actor, person)
    _set_active(actor, person, False, reason)


def reopen(actor: Actor, person: User, reason: str) -> None:
    """Open a closed account again; Conflict when it is open."""
    _set_active(actor, person, True, reason)


def let_in(actor: Actor, person: User, access: str, permissions: Iterable[Permission], reason: str) -> None:
    """Let a person into the operations desk to `look` or `act` (with these permissions), or out again (`none`).

    Conflict for a superuser, for oneself, and when the person has that access already.
    """
    _refuse_oneself(actor, person)
    old = access_of(person)
    if old in ("superuser", access):
        raise Conflict(f"the person's access is {old} already", {"access": old})
    with db.atomic():
        person.groups.remove(*Group.objects.filter(name__in=[name for name in ACCESS.values() if name]))
        if access != "none":
            group, _ = Group.objects.get_or_create(name=ACCESS[access])
            group.permissions.set(permissions)
            person.groups.add(group)
        User.objects.filter(id=person.id).update(is_staff=access != "none")
        _record(actor, person, "person.operations", old, access, reason)


def access_of(person: User) -> str:
    """Return none, look, act or superuser."""
    if not person.is_staff:
        return "none"
    held = set(person.groups.values_list("name", flat=True))
    return "superuser" if person.is_superuser else "act" if ACCESS["act"] in held else "look"


def unlock(actor: Actor, attempt: AccessAttempt, reason: str) -> int:
    """Forget failed sign-ins from this address under this name, so that it may be tried again at once."""
    with db.atomic():
        forgotten = reset(ip=attempt.ip_address, username=attempt.username)
        person = User.objects.filter(email=(attempt.username or "").lower()).first()
        _record(actor, person, "person.unlocked", "locked", "open", reason, name=attempt.username or "")
    return forgotten


def set_quota(actor: Actor, tenant: Tenant, quota_bytes: int | None, reason: str) -> None:
    """Set how many bytes a workspace may hold; None: the installation's default."""
    with db.atomic():
        old = Tenant.objects.values_list("quota_bytes", flat=True).get(id=tenant.id)
        Tenant.objects.filter(id=tenant.id).update(quota_bytes=quota_bytes)
        words = [str(value) if value is not None else "default" for value in (old, quota_bytes)]
        subject = ids.encode("tnt", tenant.id)
        outbox.record(actor, "tenant.quota", subject, old=words[0], new=words[1], reason=reason)


def _refuse_oneself(actor: Actor, person: User) -> None:
    if actor.user_id == person.id:
        raise Conflict("this is your own account; another operator must do it")


def _set_active(actor: Actor, person: User, wanted: bool, reason: str) -> None:
    words = ("closed", "open") if wanted else ("open", "closed")
    with db.atomic():
        if not User.objects.filter(id=person.id, is_active=not wanted).update(is_active=wanted):
            raise Conflict(f"the account is {words[1]} already", {"account": words[1]})
        _record(actor, person, "person.account", *words, reason)


def _record(actor: Actor, person: User | None, action: str, old: str, new: str, reason: str, **told: str) -> None:
    # In the order of ids: two operators at work on the same people never wait for each other's trails in a circle.
    tenants = Membership.everyone.filter(user=person).values_list("tenant_id", flat=True) if person else []
    subject = ref(person) if person else ""
    for tenant_id in sorted(set(tenants)) or [actor.tenant_id]:
        mine = replace(actor, tenant_id=tenant_id)
        outbox.record(mine, action, subject, old=old, new=new, reason=reason, details=told)
