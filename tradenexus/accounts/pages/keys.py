"""API keys: a secret is shown once, right after it was made; a revoked key's next request is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tradenexus.accounts import keyring
from tradenexus.accounts.pages.settings import SettingsPage
from tradenexus.errors import BadRequest
from tradenexus.tenancy.models import ApiKey
from tradenexus.web import tables
from tradenexus.web.copy import commands
from tradenexus.web.page import Page

LIVES = (("30", "30 days"), ("90", "90 days"), ("365", "1 year"), ("", "never expires"))
MEANINGS = {
    "read": "see everything in the workspace",
    "write": "upload, validate, transform, run backtests, archive",
    "publish": "publish to Lona",
    "admin": "everything, and other people's keys",
}


class Keys(SettingsPage):
    """My keys (an admin sees all of the workspace) and the form for a new one."""

    template, title, tab = "accounts/keys.html", "API keys", "keys"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return a page of keys and what a new key may hold."""
        rows = ApiKey.of(self.actor.tenant_id).select_related("user")
        if not self.actor.may("admin"):
            rows = rows.filter(user_id=self.actor.person_id)
        pager = tables.page(self.request, rows)
        allowed = [(s, MEANINGS[s]) for s in keyring.SCOPES if self.actor.may(s)]
        body = {"name": "laptop", "scopes": ["read"]}
        copy = commands("POST", "/v1/keys", body, cli="nexus key create laptop --scope read")
        shown = {"pager": pager, "allowed": allowed, "lives": LIVES, "soon": timezone.now() + timedelta(days=7)}
        return self.shared(**shown, now=timezone.now(), copy=copy, twin="/v1/keys", wanted={"scopes": ["read"]})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make a key and show its secret once."""
        name, scopes = request.POST.get("name", "").strip(), request.POST.getlist("scopes")
        days = request.POST.get("days", "90")
        errors = _wrong(name, scopes, days)
        if not errors:
            try:
                ends = timezone.now() + timedelta(days=int(days)) if days else None
                key, secret = keyring.make(self.actor, name, scopes, ends)
                return self.render(self.context() | {"made": key, "secret": secret})
            except BadRequest as error:
                errors = {"scopes": error.message}
        context = self.context() | {"errors": errors, "wanted": {"name": name, "scopes": scopes, "days": days}}
        return self.invalid(self.template, context)


class Revoke(Page):
    """Revokes a key."""

    def post(self, request: HttpRequest, ref: str) -> HttpResponse:
        """Refuse the key from now on."""
        key = keyring.revoke(self.actor, self.find(ApiKey, ref))
        messages.success(request, f"Revoked {key.name}. Its next request is refused.")
        return self.done("/settings/keys/")


def _wrong(name: str, scopes: list[str], days: str) -> dict[str, str]:
    errors = {}
    if not name or len(name) > 120 or "\0" in name:
        errors["name"] = "Give it a name of at most 120 characters, so that you know it again."
    if not scopes or set(scopes) - set(keyring.SCOPES):
        errors["scopes"] = "Choose at least one."
    if days not in {value for value, _ in LIVES}:
        errors["days"] = "Choose one of the list."
    return errors
