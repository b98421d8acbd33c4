"""An operator at the desk: opens pages of /admin/, does deeds, and reads what came of them."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client
from django.urls import reverse

from tests.kit.people import Person
from tradenexus.audit.models import Entry
from tradenexus.tenancy.models import User

REASON = "asked for in ticket 4711"


class Operator:
    """A person at the desk, signed in."""

    def __init__(self, user: User):
        self.user = user
        self.client = Client()
        self.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    def list(self, model: type[Any], **query: Any) -> Any:
        """Open a list."""
        return self.client.get(_address(model, "changelist"), query)

    def look(self, thing: Any) -> Any:
        """Open one row."""
        return self.client.get(_address(type(thing), "change", thing.pk))

    def ask(self, deed: str, *things: Any) -> Any:
        """Choose a deed for some rows: the page that asks for the reason."""
        data = {"action": deed, "_selected_action": [str(thing.pk) for thing in things]}
        return self.client.post(_address(type(things[0]), "changelist"), data)

    def do(self, deed: str, *things: Any, reason: str = REASON, **values: Any) -> list[dict[str, Any]]:
        """Do a deed and return what came of it, one outcome for each row."""
        answer = self.answer(deed, *things, reason=reason, **values)
        assert answer.status_code == 302, answer.content.decode()
        page = self.client.get(answer["Location"])
        assert page.status_code == 200
        return page.context["kept"]["outcomes"]

    def answer(self, deed: str, *things: Any, **values: Any) -> Any:
        """Send the form of a deed and return the bare answer."""
        data = {"action": deed, "_selected_action": [str(thing.pk) for thing in things], "deed": "yes", **values}
        return self.client.post(_address(type(things[0]), "changelist"), data)


def operator(person: Person) -> Operator:
    """Make a person a superuser and sign them in."""
    User.objects.filter(id=person.user.id).update(is_staff=True, is_superuser=True)
    return Operator(User.objects.get(id=person.user.id))


def newest(person: Person, action: str = "") -> Entry:
    """Return the newest audit entry of a person's workspace, of an action if one is named."""
    rows = Entry.of(person.tenant.id)
    return (rows.filter(action=action) if action else rows).order_by("-seq")[0]


def words(answer: Any) -> str:
    """Return a page's text without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def _address(model: type[Any], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)
