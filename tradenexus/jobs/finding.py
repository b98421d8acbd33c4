"""Which jobs a list means: filters as text, from the API's and the pages' query strings alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from tradenexus import db
from tradenexus.errors import BadRequest
from tradenexus.jobs import subjects
from tradenexus.jobs.models import LIVE, Job, State

FILTERS = ("state", "kind", "subject", "dataset", "since")
_SPAN = re.compile(r"(\d{1,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
# Not shown in lists and large at times.
HEAVY = ("params", "result")


def matching(tenant_id: UUID, asked: Mapping[str, str]) -> QuerySet[Job]:
    """Return the tenant's jobs that fit; BadRequest names the filter that is none of ours.

    state (also `live`: queued or running), kind, subject (typed id), dataset (typed id: jobs about it or one of its
    versions), since (`15m`, `24h`, `7d`, a day or a time).
    """
    rows = Job.of(tenant_id)
    for name in FILTERS:
        value = asked.get(name)
        if value in (None, ""):
            continue
        if "\x00" in value or len(value) > 100:
            raise _refused(name, value, "cannot be read")
        rows = rows.filter(_condition(tenant_id, name, value))
    return rows


def _condition(tenant_id: UUID, name: str, value: str) -> Q:
    if name == "state":
        if value == "live":
            return Q(state__in=LIVE)
        if value not in State.values:
            raise _refused(name, value, f"is one of {', '.join(State.values)}")
        return Q(state=value)
    if name == "dataset":
        return Q(subject__in=subjects.members(tenant_id, value))
    if name == "since":
        return Q(created_at__gte=since(value))
    return Q(**{name: value})


def since(text: str) -> datetime:
    """Read `15m`, `24h`, `7d` back from now, a day or a time (UTC without a zone); BadRequest otherwise."""
    spoken = _SPAN.fullmatch(text)
    if spoken:
        return db.now() - timedelta(**{_UNITS[spoken[2]]: int(spoken[1])})
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _refused("since", text, "is a span as 15m, 24h or 7d, a day or a time") from None


def _refused(name: str, value: str, why: str) -> BadRequest:
    return BadRequest(f"{name} {why}", {"fields": {name: [value[:64]]}})
