"""The vendors of this installation: adapters by the dotted paths of NEXUS_VENDORS, in order of preference.

Nobody imports an adapter. One whose settings are missing is listed and not asked.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from backfill.vendors.base import Adapter, Capability, Vendor
from tradenexus.errors import NotFound, ProblemError, Unprocessable


class VendorUnknown(NotFound):
    """No adapter of this name stands in NEXUS_VENDORS. `details` lists those that do."""

    code = "VENDOR_UNKNOWN"


class VendorNotConfigured(Unprocessable):
    """The vendor lacks settings, or cannot read them. `details` names them; set them and start the stack again."""

    code = "VENDOR_NOT_CONFIGURED"


@dataclass(frozen=True, slots=True)
class Listed:
    """A vendor of this installation; without `vendor` it is not configured, and `fault` says what is missing."""

    name: str
    path: str
    vendor: Vendor | None
    lacking: tuple[str, ...] = ()
    fault: str = ""

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        """Return what it can fill; nothing while it is not configured."""
        return tuple(self.vendor.capabilities) if self.vendor else ()


def listed() -> list[Listed]:
    """Return all vendors in order of preference."""
    return [_connected(path) for path in settings.NEXUS_VENDORS]


def ready(name: str) -> Listed:
    """Return a vendor that can be asked; VendorUnknown or VendorNotConfigured."""
    known = listed()
    for each in known:
        if each.name == name:
            if each.vendor is None:
                details = {"vendor": name, "missing": list(each.lacking)}
                raise VendorNotConfigured(f"the vendor {name} is not configured: {each.fault}", details)
            return each
    raise VendorUnknown(f"there is no vendor {name[:40]!r}", {"vendors": [each.name for each in known]})


def _connected(path: str) -> Listed:
    adapter: Adapter = importlib.import_module(path)
    given = configured(adapter)
    lacking = tuple(name for name in adapter.NEEDS if not given[name])
    if lacking:
        return Listed(adapter.NAME, path, None, lacking, f"set {', '.join(lacking)}")
    try:
        return Listed(adapter.NAME, path, adapter.connect(given))
    except ProblemError as broken:
        return Listed(adapter.NAME, path, None, adapter.NEEDS, broken.message)


def configured(adapter: Adapter) -> Mapping[str, Any]:
    """Return the settings that an adapter reads."""
    return {name: getattr(settings, name) for name in (*adapter.NEEDS, *adapter.READS)}
