"""How a person wants the pages: theme, zone, density, keys, notices. Kept with the account, carried by cookies.

Cookies make the first paint right without asking the database; signing in brings them to a new browser.
"""

from __future__ import annotations

from typing import TypeVar
from zoneinfo import available_timezones

from django.conf import settings
from django.http.response import HttpResponseBase

from tradenexus.accounts.models import Preference
from tradenexus.errors import BadRequest
from tradenexus.tenancy.models import User
from tradenexus.web import frame

Response = TypeVar("Response", bound=HttpResponseBase)
CHOICES: dict[str, tuple[str, ...]] = {
    "theme": frame.THEMES,
    "density": frame.DENSITIES,
    "candles": ("default", "alt"),
    "zone": frame.ZONES,
    "keys": ("on", "off"),
}
NOTICES = ("failed", "finished", "published", "desktop")
_YEAR_S = 31_536_000


def of(user: User) -> dict[str, str]:
    """Return what the person chose; names never chosen are missing."""
    kept = Preference.objects.filter(user=user).values_list("chosen", flat=True).first()
    return dict(kept or {})


def save(user: User, wanted: dict[str, str]) -> dict[str, str]:
    """Keep choices beside the earlier ones and return all; BadRequest for a value that is none of ours."""
    for name, value in wanted.items():
        if not _known(name, value):
            raise BadRequest(f"{name} cannot be {value[:40]!r}", {"fields": {name: list(CHOICES.get(name, ()))}})
    chosen = of(user) | wanted
    Preference.objects.update_or_create(user=user, defaults={"chosen": chosen})
    return chosen


def paint(response: Response, user: User) -> Response:
    """Set the cookies that base.html reads."""
    for name, value in of(user).items():
        response.set_cookie(f"nx_{name}", value, _YEAR_S, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
    return response


def _known(name: str, value: str) -> bool:
    if name == "exchange":
        return value in available_timezones()
    if name == "notify":
        return all(part in NOTICES for part in value.split(".") if part)
    return value in CHOICES.get(name, ())
