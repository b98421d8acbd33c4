"""Calls what an app registered beside its handler, so that a fault in it never keeps a job from ending."""

from __future__ import annotations

from typing import Any

import structlog
from django.db import OperationalError

from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import ProblemError
from tradenexus.jobs import registry
from tradenexus.jobs.errors import KindUnknown
from tradenexus.jobs.models import Job

log = structlog.get_logger(__name__)


def failed(job: Job, told: Any, actor: Actor, error: ProblemError, outcome: str) -> None:
    """Run the kind's on_failure in a savepoint of the transaction that ends the job; its own fault is logged."""
    try:
        hook = registry.find(job.kind).on_failure
    except KindUnknown:
        return
    if hook is None:
        return
    try:
        with db.atomic():
            hook(told, actor, error, str(outcome))
    except OperationalError:
        raise  # the database itself is in trouble: nothing is decided, and someone comes again
    except Exception:  # part of the runner's border: an app's hook may fail in any way
        log.exception("job.on_failure_failed", job=job.ref, kind=job.kind)
