"""Settings of the person signed in: profile, notifications, appearance; and the workspace they work in."""

from __future__ import annotations

from typing import Any, ClassVar
from zoneinfo import available_timezones

from django.contrib import messages
from django.http import HttpRequest, HttpResponse

from tradenexus import ids
from tradenexus.accounts import preferences
from tradenexus.errors import NotFound
from tradenexus.tenancy.models import Membership, User
from tradenexus.web.copy import commands
from tradenexus.web.page import Page

TABS = (("profile", "Profile"), ("keys", "API keys"), ("notifications", "Notifications"), ("appearance", "Appearance"))
# Zones of the exchanges our calendars know, first; then all others.
_EXCHANGES = ("America/New_York", "America/Chicago", "Europe/London", "Europe/Berlin", "Asia/Tokyo", "Asia/Hong_Kong")


class SettingsPage(Page):
    """What all settings pages share: the tabs and who is looking."""

    nav = "settings"
    tab: ClassVar[str] = ""
    names: ClassVar[tuple[str, ...]] = ()

    @property
    def person(self) -> User:
        """The person signed in."""
        return User.objects.get(id=self.actor.person_id)

    def shared(self, **more: Any) -> dict[str, Any]:
        """Return the context of every settings page."""
        tabs = [(name, label, f"/settings/{name}/") for name, label in TABS]
        return {"tabs": tabs, "tab": self.tab, "crumbs": [("Settings", "/settings/profile/"), (self.title, "")], **more}

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the person's choices."""
        return self.shared(chosen=preferences.of(self.person))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Keep this page's choices."""
        preferences.save(self.person, self.wanted(request))
        messages.success(request, "Saved.")
        return preferences.paint(self.done(request.path), self.person)

    def wanted(self, request: HttpRequest) -> dict[str, str]:
        """Return the choices that the form holds."""
        return {name: request.POST[name] for name in self.names if name in request.POST}


class Profile(SettingsPage):
    """Who I am here, in which zone I read times, whether single keys act."""

    template, title, tab, names = "accounts/profile.html", "Profile", "profile", ("zone", "exchange")

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the account, its workspaces and the zones."""
        own = Membership.of(self.actor.tenant_id).get(user_id=self.actor.person_id)
        others = sorted(available_timezones() - set(_EXCHANGES))
        more = {
            "person": self.person,
            "membership": own,
            "scopes": sorted(own.scopes),
            "exchanges": _EXCHANGES,
            "zones": others,
        }
        more |= {"workspaces": self.person.memberships.select_related("tenant").order_by("created_at", "id")}
        return super().context() | more | {"twin": "/v1/me", "copy": commands("GET", "/v1/me", cli="nexus auth whoami")}

    def wanted(self, request: HttpRequest) -> dict[str, str]:
        """An unticked box is not sent: single keys are off then."""
        return super().wanted(request) | {"keys": "on" if request.POST.get("keys") else "off"}


class Appearance(SettingsPage):
    """Theme, density, candle colours."""

    template, title, tab = "accounts/appearance.html", "Appearance", "appearance"
    names = ("theme", "density", "candles")


class Notifications(SettingsPage):
    """What the open page tells when it happens."""

    template, title, tab = "accounts/notifications.html", "Notifications", "notifications"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return which notices are on."""
        chosen = preferences.of(self.person)
        return self.shared(on=chosen.get("notify", "failed").split("."))

    def wanted(self, request: HttpRequest) -> dict[str, str]:
        """Return the ticked notices as one value."""
        return {"notify": ".".join(name for name in preferences.NOTICES if name in request.POST.getlist("notify"))}


class Workspace(Page):
    """Changes the workspace that this browser works in."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Choose one of the person's own workspaces; NotFound for any other."""
        try:
            wanted = ids.decode("tnt", request.POST.get("workspace", ""))
        except ValueError as error:
            raise NotFound("no such workspace of yours") from error
        if not request.user.memberships.filter(tenant_id=wanted).exists():  # type: ignore[union-attr]
            raise NotFound("no such workspace of yours")
        request.session["tenant_id"] = str(wanted)
        return self.done("/")
