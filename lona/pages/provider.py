"""Who the provider is and whether it answers: the label on every page, and the amber strip while it is away.

A page never waits for the provider: it shows what was known last, and a part of the page asks anew once it is there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse

from lona import errors
from lona.client import who_answers
from lona.models import Backtest, Publication
from tradenexus import db
from tradenexus.web.page import Page

FRESH_S = 10.0
WAIT_S = 2.0


@dataclass(frozen=True, slots=True)
class Provider:
    """`reachable` is None while nobody has asked; `since` is when it was found away."""

    label: str
    reachable: bool | None = None
    words: str = ""
    since: datetime | None = None


_asked: dict[str, tuple[float, Provider]] = {}


def known(tenant_id: UUID) -> Provider:
    """Return what was found out last, asking nobody; the label from our own rows when nothing was."""
    _, found = _asked.get(settings.LONA_GATEWAY_URL, (0.0, None))
    if not settings.LONA_GATEWAY_URL:
        return Provider(_recorded(tenant_id), False, "no provider is configured: set LONA_GATEWAY_URL", None)
    if found is None:
        return Provider(_recorded(tenant_id))
    return found if found.label else Provider(_recorded(tenant_id), found.reachable, found.words, found.since)


def look(tenant_id: UUID) -> Provider:
    """Ask the provider whether it is there, at most every ten seconds, for two seconds at most."""
    at, before = _asked.get(settings.LONA_GATEWAY_URL, (0.0, None))
    if settings.LONA_GATEWAY_URL and time.monotonic() - at > FRESH_S:
        _asked[settings.LONA_GATEWAY_URL] = time.monotonic(), _look(before)
    return known(tenant_id)


def forget() -> None:
    """Ask anew the next time."""
    _asked.clear()


def _look(before: Provider | None) -> Provider:
    label = settings.LONA_PROVIDER_LABEL or (before.label if before else "")
    try:
        said = who_answers(WAIT_S)
        return Provider(settings.LONA_PROVIDER_LABEL or said, True)
    except errors.LonaError as away:
        since = before.since if before and before.reachable is False else db.now()
        return Provider(label, False, away.message, since)


def _recorded(tenant_id: UUID) -> str:
    if settings.LONA_PROVIDER_LABEL:
        return str(settings.LONA_PROVIDER_LABEL)
    for model in (Backtest, Publication):
        rows = model.of(tenant_id).order_by("-created_at", "-id").values_list("provider", flat=True)[:5]
        for label in rows:
            if label:
                return str(label)
    return "Lona"


class ProviderPage(Page):
    """A page that shows something of the provider."""

    def render(self, context: dict[str, Any], status: int = 200) -> HttpResponse:
        """Add the provider to the context."""
        return super().render({"provider": known(self.actor.tenant_id)} | context, status)

    def invalid(self, fragment: str, context: dict[str, Any]) -> HttpResponse:
        """Add the provider to the context."""
        return super().invalid(fragment, {"provider": known(self.actor.tenant_id)} | context)


class ProviderPart(Page):
    """The provider's line: its label, and the strip while it does not answer."""

    template = fragment = "lona/_provider.html"
    nav = "publishes"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Ask the provider."""
        return {"provider": look(self.actor.tenant_id)}
