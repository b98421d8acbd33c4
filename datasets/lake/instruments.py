"""The registry of instruments: describe one, change a description from a date on, find the one in force."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Q, QuerySet

from datasets.market import instruments as names
from datasets.market import sessions
from datasets.models import Instrument
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest, NotFound
from tradenexus.events import outbox

FIELDS = ("type", "base", "quote", "tick_size", "lot_size", "timezone", "calendar")


class InstrumentUnknown(NotFound):
    """No instrument of this name is in the registry. Register it, with its type and calendar, before it has data."""

    code = "INSTRUMENT_UNKNOWN"


def in_force(tenant_id: Any, name: str, at: datetime | None = None) -> Instrument:
    """Return the description of `VENUE:SYMBOL` in force (at a time); InstrumentUnknown when there is none."""
    found = _described(tenant_id, str(names.parse(name)), at).first()
    if found is None:
        raise InstrumentUnknown(f"the registry has no instrument {name[:100]!r}", {"instrument": name[:100]})
    return found


def describe(actor: Actor, name: str, facts: dict[str, Any], valid_from: datetime | None = None) -> Instrument:
    """Describe an instrument from a date on (default: now; the first description holds from the beginning).

    Inside `db.atomic()`. The description in force ends there; the same facts again change nothing. `facts`: type (a new
    one needs it), base, quote, tick_size, lot_size, timezone, calendar. SymbolRefused, or VALIDATION_ERROR by field.
    """
    parsed = names.parse(name)
    current = _described(actor.tenant_id, str(parsed), None).first()
    settled = _settled(current, facts)
    if current is not None and all(getattr(current, field) == settled[field] for field in FIELDS):
        return current
    start = valid_from or (db.now() if current else datetime.fromisoformat("1970-01-01T00:00:00+00:00"))
    if current is not None:
        if start <= current.valid_from:
            _refuse(
                "validFrom",
                f"the description in force begins {current.valid_from:%Y-%m-%d %H:%M}Z; choose a later date",
            )
        Instrument.everyone.filter(id=current.id, valid_until=None).update(valid_until=start)
    made = Instrument.everyone.create(
        tenant_id=actor.tenant_id,
        name=str(parsed),
        venue=parsed.venue,
        symbol=parsed.symbol,
        valid_from=start,
        created_by_id=actor.user_id,
        **settled,
    )
    old = current.ref if current else ""
    outbox.record(actor, "instrument.described", made.ref, old=old, new=made.name, details={"facts": settled})
    return made


def ensure(actor: Actor, name: str, facts: dict[str, Any]) -> Instrument:
    """Return the instrument in force, described by `facts` if nobody did before; inside `db.atomic()`."""
    current = _described(actor.tenant_id, str(names.parse(name)), None).first()
    return current or describe(actor, name, facts)


def history(tenant_id: Any, name: str) -> QuerySet[Instrument]:
    """Return every description of an instrument, the newest first."""
    return Instrument.of(tenant_id).filter(name=name).order_by("-valid_from")


def _described(tenant_id: Any, name: str, at: datetime | None) -> QuerySet[Instrument]:
    rows = Instrument.of(tenant_id).filter(name=name)
    if at is None:
        return rows.filter(valid_until=None)
    return rows.filter(valid_from__lte=at).filter(Q(valid_until=None) | Q(valid_until__gt=at))


def _settled(current: Instrument | None, facts: dict[str, Any]) -> dict[str, Any]:
    defaults = {"timezone": "UTC"}
    settled = {field: str(facts.get(field, getattr(current, field, defaults.get(field, ""))) or "") for field in FIELDS}
    settled["timezone"] = settled["timezone"] or "UTC"
    if settled["type"] not in names.TYPES:
        _refuse("type", f"choose one of {', '.join(names.TYPES)}")
    if settled["calendar"] and settled["calendar"] not in sessions.CALENDARS:
        _refuse("calendar", "name an exchange calendar such as XNYS, 24/7, or leave it empty")
    if not (
        settled["timezone"] == "UTC" or (sessions.is_zone(settled["timezone"]) and sessions.exists(settled["timezone"]))
    ):
        _refuse("timezone", "name an IANA time zone such as America/New_York")
    for field in ("tick_size", "lot_size"):
        settled[field] = _positive(field, settled[field])
    return settled


def _positive(field: str, text: str) -> str:
    if not text:
        return ""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or value <= 0 or len(text) > 32:
        _refuse(field.replace("_s", "S"), "give a positive number")
    return text


def _refuse(field: str, words: str) -> None:
    raise BadRequest(f"{field}: {words}", {"fields": {field: [words]}})
