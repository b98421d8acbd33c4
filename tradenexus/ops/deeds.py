"""Deeds: what an operator may do to the rows of a desk, each for a reason.

A deed calls a verb of the product, one object after another, each in a transaction of its own: the verb's effect and
its audit entry, with the operator as actor and the reason, are written together or not at all. A refusal is shown
beside its object and keeps none of the others from being done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django import forms
from django.db import DatabaseError
from django.http import HttpRequest

from tradenexus import db
from tradenexus.actor import ALL_SCOPES, Actor
from tradenexus.errors import Forbidden, ProblemError
from tradenexus.tenancy.models import Membership

MOST = 100  # objects of one deed
LEAST_REASON, MOST_REASON = 10, 500
Verb = Callable[..., str]  # (actor, thing, reason, **values) -> what came of it, in a few words


class OperatorHomeless(Forbidden):
    """What belongs to no workspace is recorded in the operator's own, and this operator belongs to none. Make one a
    member of a workspace: `manage.py bootstrap --staff`."""

    code = "OPERATOR_WITHOUT_WORKSPACE"


@dataclass(frozen=True, slots=True)
class Deed:
    """One action of a desk; `told` says what it does and when to use it, `fields` what is asked beside the reason."""

    name: str
    label: str
    told: str
    verb: Verb
    fields: Mapping[str, Callable[[], forms.Field]] = field(default_factory=dict)
    superusers: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """An object that a deed is done to: what it is called, where the desk shows it, whose audit trail tells of it."""

    thing: Any
    name: str
    ref: str
    url: str
    tenant_id: UUID | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a deed on one object."""

    name: str
    ref: str
    url: str
    done: bool
    said: str
    code: str = ""


class ReasonForm(forms.Form):
    """The reason, and what else a deed asks for."""

    reason = forms.CharField(
        min_length=LEAST_REASON,
        max_length=MOST_REASON,
        widget=forms.Textarea(attrs={"rows": 3, "autofocus": True}),
        help_text=f"At least {LEAST_REASON} characters. It stays in the audit trail and cannot be changed.",
    )


def form_of(deed: Deed, data: Any = None) -> ReasonForm:
    """Return the form of a deed, bound when there is data: the deed's own fields, then the reason."""
    form = ReasonForm(data)
    asked = {name: make() for name, make in deed.fields.items()}
    form.fields = {**asked, **form.fields}
    return form


def actor_of(request: HttpRequest, tenant_id: UUID | None) -> Actor:
    """Return the operator acting in a workspace; for what belongs to none, in the operator's first own one.

    OperatorHomeless when that does not exist: nothing is done that no audit trail could hold.
    """
    user: Any = request.user
    if tenant_id is None:
        rows = Membership.everyone.filter(user_id=user.id).order_by("created_at", "id")
        tenant_id = rows.values_list("tenant_id", flat=True).first()
    if tenant_id is None:
        raise OperatorHomeless("this is recorded in your own workspace's audit trail, and you belong to no workspace")
    return Actor(tenant_id, user.id, request.request_id, ALL_SCOPES, via="admin")  # type: ignore[attr-defined]


def carry_out(deed: Deed, request: HttpRequest, targets: Iterable[Target], values: Mapping[str, Any]) -> list[Outcome]:
    """Do the deed to each target; values: the form's, the reason among them."""
    return [_one(deed, request, target, values) for target in targets]


def _one(deed: Deed, request: HttpRequest, target: Target, values: Mapping[str, Any]) -> Outcome:
    about = (target.name, target.ref, target.url)
    try:
        with db.atomic():
            said = deed.verb(actor_of(request, target.tenant_id), target.thing, **values)
    except ProblemError as refused:
        return Outcome(*about, False, refused.message, refused.code)
    except DatabaseError as fault:
        return Outcome(*about, False, f"the database refused it ({type(fault).__name__}); nothing was changed")
    return Outcome(*about, True, said)
