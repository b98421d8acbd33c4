"""The states of a version and the one way from state to state: compare-and-swap, audit entry, event, one transaction.

    uploading -> uploaded -> validating -> validated -> ready -> publishing_lona -> published_lona
                                  \\-> validation_failed               \\-> publish_failed
    transforming -> ready | transform_failed        (derived versions are born transforming)
               \\-> validated | validation_failed     (a fix is judged by the gate of uploads)

Bars go on from validated to ready; trades and quotes rest at validated. Every resting state may be archived.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Subquery, Value
from django.db.models.functions import Coalesce

from datasets.models import Dataset, DatasetVersion, Status
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import Conflict
from tradenexus.events import outbox

EDGES: dict[str, frozenset[str]] = {
    Status.UPLOADING: frozenset({Status.UPLOADED, Status.ARCHIVED}),
    Status.UPLOADED: frozenset({Status.VALIDATING, Status.ARCHIVED}),
    # back to uploaded when the validation was cancelled: nothing was found out
    Status.VALIDATING: frozenset({Status.VALIDATED, Status.VALIDATION_FAILED, Status.UPLOADED}),
    Status.VALIDATED: frozenset({Status.READY, Status.ARCHIVED}),
    Status.VALIDATION_FAILED: frozenset({Status.VALIDATING, Status.ARCHIVED}),
    # what a fix makes is judged like an upload
    Status.TRANSFORMING: frozenset({Status.READY, Status.VALIDATED, Status.VALIDATION_FAILED, Status.TRANSFORM_FAILED}),
    Status.READY: frozenset({Status.PUBLISHING, Status.ARCHIVED}),
    Status.TRANSFORM_FAILED: frozenset({Status.TRANSFORMING, Status.ARCHIVED}),
    Status.PUBLISHING: frozenset({Status.PUBLISHED, Status.PUBLISH_FAILED, Status.READY}),
    Status.PUBLISHED: frozenset({Status.PUBLISHING, Status.READY, Status.ARCHIVED}),
    Status.PUBLISH_FAILED: frozenset({Status.PUBLISHING, Status.READY, Status.ARCHIVED}),
    Status.ARCHIVED: frozenset(),
}
RUNNABLE = frozenset({Status.READY, Status.PUBLISHED, Status.PUBLISH_FAILED})


class StateConflict(Conflict):
    """The version is not in a state that allows this. `details` names its state and those that would allow it."""


def advance(
    version: DatasetVersion,
    to: str,
    actor: Actor,
    *,
    reason: str = "",
    details: dict[str, Any] | None = None,
    job: str = "",
) -> None:
    """Move a version to another state; call it inside `db.atomic()`, last.

    StateConflict when the edge does not exist or somebody else moved the version first; nothing is written then.
    """
    old = version.status
    if to not in EDGES[old]:
        raise conflict(version, [state for state, targets in EDGES.items() if to in targets], f"become {to}")
    now = db.now()
    moved = DatasetVersion.everyone.filter(id=version.id, status=old).update(
        status=to, status_reason=reason[:4000], updated_at=now
    )
    if not moved:
        version.refresh_from_db(fields=["status"])
        raise conflict(version, [old], f"become {to}")
    version.status, version.status_reason, version.updated_at = to, reason, now
    _show(version.dataset_id, now)
    told = {"dataset": version.dataset.ref, "version": version.number, **({"job": job} if job else {})}
    outbox.record(
        actor,
        "version.status",
        version.ref,
        old=old,
        new=to,
        reason=reason,
        details={**told, **(details or {})},
        data=told,
    )


def _show(dataset_id: UUID, now: datetime) -> None:
    # A duplicate that was archived must not hide what is there: the dataset shows its newest version that is in use.
    shown = DatasetVersion.everyone.filter(dataset_id=dataset_id).exclude(status=Status.ARCHIVED).order_by("-number")
    status = Coalesce(Subquery(shown.values("status")[:1]), Value(Status.ARCHIVED))
    Dataset.everyone.filter(id=dataset_id).update(status=status, updated_at=now)


def conflict(version: DatasetVersion, allowed: list[str], verb: str) -> StateConflict:
    """Return the error that says why a version cannot do something now."""
    return StateConflict(
        f"version {version.number} is {version.status} and cannot {verb}; it would have to be "
        f"{' or '.join(sorted(allowed)) or 'in another state'}",
        {"versionId": version.ref, "version": version.number, "status": version.status, "allowed": sorted(allowed)},
    )


def newest(dataset: Dataset, states: frozenset[str] | None = None) -> DatasetVersion | None:
    """Return the newest version in one of the states, or None; without states, one not archived goes first."""
    rows = DatasetVersion.of(dataset.tenant_id).filter(dataset=dataset).order_by("-number")
    if states is not None:
        return rows.filter(status__in=states).first()
    return rows.exclude(status=Status.ARCHIVED).first() or rows.first()


def bump(dataset: Dataset) -> int:
    """Take the next version number of a dataset; the row stays locked to the end of the transaction."""
    Dataset.everyone.filter(id=dataset.id).update(version=F("version") + 1, updated_at=db.now())
    dataset.refresh_from_db(fields=["version"])
    return dataset.version
