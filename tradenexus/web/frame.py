"""What base.html shows around every page: rail, workspace, theme and zone (from cookies: the first paint is right)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from tradenexus.rest.auth import chosen_tenant
from tradenexus.tenancy import actors
from tradenexus.tenancy.models import Tenant

THEMES = ("auto", "light", "dark")
ZONES = ("utc", "local", "exchange")
DENSITIES = ("normal", "compact")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the rail; `key` is the letter after `g`; `phone` puts it into the bottom bar."""

    name: str
    label: str
    url: str
    icon: str
    key: str
    phone: bool = False


RAIL = (
    Entry("home", "Home", "/", "home", "h", True),
    Entry("datasets", "Datasets", "/datasets/", "datasets", "d", True),
    Entry("uploads", "Uploads", "/uploads/", "upload", "u"),
    Entry("jobs", "Jobs", "/jobs/", "jobs", "j", True),
    Entry("vendors", "Vendors", "/vendors/", "vendor", "v"),
    Entry("lakehouse", "Lakehouse", "/lakehouse/", "lake", "l"),
    Entry("publishes", "Publishes", "/publishes/", "publish", "p"),
    Entry("backtests", "Backtests", "/backtests/", "backtest", "b", True),
    Entry("exports", "Exports", "/exports/", "download", "e"),
    Entry("audit", "Audit", "/audit/", "audit", "t"),
    Entry("settings", "Settings", "/settings/profile/", "settings", "s"),
)

SCRIPTS = tuple(
    f"ui/{name}.js" for name in ("frame", "nx-time", "nx-theme", "nx-copy", "nx-keys", "nx-notify", "nx-live")
)


def context(request: HttpRequest) -> dict[str, Any]:
    """Return the frame's part of every template context."""
    return {
        "theme": _cookie(request, "nx_theme", THEMES),
        "zone": _cookie(request, "nx_zone", ZONES),
        "density": _cookie(request, "nx_density", DENSITIES),
        "keys_on": request.COOKIES.get("nx_keys") != "off",
        "candles": "alt" if request.COOKIES.get("nx_candles") == "alt" else "default",
        "rail": RAIL,
        "frame_scripts": SCRIPTS,
        "workspace": SimpleLazyObject(lambda: _workspace(request)),
    }


def _cookie(request: HttpRequest, name: str, known: tuple[str, ...]) -> str:
    value = request.COOKIES.get(name, "")
    return value if value in known else known[0]


def _workspace(request: HttpRequest) -> str:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return ""
    actor = actors.of_user(user, "", chosen_tenant(request))
    return Tenant.objects.get(id=actor.tenant_id).name if actor else ""
