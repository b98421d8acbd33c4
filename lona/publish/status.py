"""The state of a version as the summary of its publications, and the events of both."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from datasets import lifecycle
from datasets.models import DatasetVersion, Status
from lona.models import LIVE, Publication, PublicationState
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.events import outbox

CANCELLED = "JOB_CANCELLED"


def lock(version: DatasetVersion) -> None:
    """Hold the version's row to the end of the transaction and read it anew: who sums up sees all that was asked."""
    DatasetVersion.everyone.filter(id=version.id).update(updated_at=db.now())
    version.refresh_from_db()


def settle(version: DatasetVersion, actor: Actor, job: str = "", reason: str = "") -> None:
    """Move the version to the summary of its publications; last in its transaction, after `lock`."""
    to = summary(Publication.of(version.tenant_id).filter(version=version))
    if version.status == to or to is None:
        return
    if to == Status.READY and version.status in lifecycle.RUNNABLE:
        lifecycle.advance(version, to, actor, reason=reason, job=job)
        return
    if version.status != Status.PUBLISHING:
        if version.status not in lifecycle.RUNNABLE:
            return  # archived meanwhile
        lifecycle.advance(version, Status.PUBLISHING, actor, job=job)
    if to != Status.PUBLISHING:
        lifecycle.advance(version, to, actor, reason=reason, job=job)


def summary(publications: Iterable[Publication]) -> str | None:
    """Sum up: any on its way is publishing, else any failed slice is failed, else published; None without any.

    A failed slice that was published later does not count, nor does one that was cancelled or retired: the version is
    then `ready` again unless another slice is published.
    """
    every = list(publications)
    rows = [row for row in every if row.state != PublicationState.RETIRED]
    if any(row.state in LIVE for row in rows):
        return Status.PUBLISHING
    published = {_slice(row) for row in rows if row.state == PublicationState.PUBLISHED}
    failed = [row for row in rows if row.state == PublicationState.FAILED and _slice(row) not in published]
    if any((row.error or {}).get("code") != CANCELLED for row in failed):
        return Status.PUBLISH_FAILED
    if published:
        return Status.PUBLISHED
    return Status.READY if every else None


def announce(publication: Publication, actor: Actor, old: str, reason: str = "", **details: Any) -> None:
    """Record a publication's transition; among the last statements of its transaction."""
    told = {
        "versionId": publication.version.ref,
        "instrument": publication.instrument,
        "symbolName": publication.symbol_name,
        "lonaSymbolId": publication.lona_symbol_id,
        **details,
    }
    outbox.record(
        actor,
        "publication.status",
        publication.ref,
        old=old,
        new=publication.state,
        reason=reason[:500],
        details=told,
        data=told,
    )


def _slice(row: Publication) -> tuple[Any, ...]:
    return row.instrument, row.venue, row.start_ns, row.end_ns
