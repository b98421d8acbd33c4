"""The platform's own upkeep: what has served its time is removed, in small steps that never hold the database long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Model, QuerySet

from tradenexus import db
from tradenexus.events.models import Event
from tradenexus.jobs import registry, schedules
from tradenexus.rest.models import IdempotencyKey

PRUNE = "platform.prune"
EVERY_S, STEP = 3_600, 1_000


@registry.handler(PRUNE, "Remove what has expired")
def prune(run: Any) -> dict[str, int]:
    """Remove events and idempotency keys older than the settings keep them."""
    now = db.now()
    events = Event.everyone.filter(at__lt=now - timedelta(seconds=settings.NEXUS_EVENTS_KEPT_S))
    keys = IdempotencyKey.everyone.filter(created_at__lt=now - timedelta(seconds=settings.NEXUS_IDEMPOTENCY_S))
    return {"events": _remove(run, events), "idempotencyKeys": _remove(run, keys)}


def _remove(run: Any, rows: QuerySet[Any, Model]) -> int:
    removed = 0
    while some := list(rows.values_list("pk", flat=True)[:STEP]):
        run.check()
        with db.atomic():
            removed += rows.filter(pk__in=some).delete()[0]
    return removed


schedules.every(EVERY_S, PRUNE)
