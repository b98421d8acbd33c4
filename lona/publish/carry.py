"""Carry one publication to the provider: claim, write the slice, look for its name, send, read back, publish.

Every step can be repeated after a crash. Before a POST `sent_at` is written; from then until the symbol is seen at the
provider the outcome is open, and the next attempt looks for our name before it may send again, at the earliest when a
late answer can no longer be under way (settings.LONA_SETTLE_S).
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

from django.db import IntegrityError
from django.db.models import Q

from datasets.models import Dataset
from lona import errors
from lona.client import Client, connect, provider_label
from lona.models import LIVE, Publication, PublicationState
from lona.publish import placing, readback, status
from tradenexus import db
from tradenexus.errors import ProblemError
from tradenexus.jobs.models import LIVE as LIVE_JOBS
from tradenexus.jobs.registry import RetryLater
from tradenexus.jobs.runner import Run

WAIT_S = 10.0  # for another publication of the version, before giving the worker back


def carry_out(run: Run, publication_id: Any) -> Publication:
    """Bring a publication to `published` and return it; whoever asks for the same one waits.

    RetryLater while the provider is away or an answer is open; any other ProblemError after the row was marked failed.
    """
    publication = _claimed(run, publication_id)
    if publication.state == PublicationState.PUBLISHED:
        return publication
    try:
        client = connect(run.actor.request_id)
        placing.prepare(run, publication)
        symbol, found = placing.place(run, client, publication)
        readback.verify(run, client, publication, symbol)
        _published(run, publication, symbol)
        if found and publication.sent_at is not None:
            _remove_doubles(run, client, publication)
        return publication
    except errors.LonaUnavailable as away:
        if run.job.attempts < run.job.max_attempts:
            raise RetryLater(f"{away.code}: {away.message}", getattr(away, "retry_after_s", None)) from away
        if publication.sent_at is None:  # else it stays unknown: `ending.release`
            fail(run, publication, away)
        raise
    except ProblemError as refused:
        run.check()  # a cancel or a lost lease is not the publication's fault
        fail(run, publication, refused)
        raise


def fail(run: Run, publication: Publication, error: ProblemError) -> None:
    """Mark a publication failed with the reason, and sum up its version."""
    body = {"code": error.code, "message": error.message, "details": error.details}
    old = publication.state
    with run.effect():
        status.lock(publication.version)
        _move(publication, PublicationState.FAILED, error=body)
        status.announce(publication, run.actor, old, error.message, code=error.code)
        status.settle(publication.version, run.actor, run.job.ref, error.message)


def _claimed(run: Run, publication_id: Any) -> Publication:
    """Take the publication for this job; waits a while for one of the same version that is under way."""
    until = time.monotonic() + WAIT_S
    while True:
        publication = (
            Publication.of(run.actor.tenant_id).select_related("version__dataset", "job").get(id=publication_id)
        )
        if publication.state == PublicationState.PUBLISHED:
            return publication
        if publication.state not in LIVE:
            raise _ended(publication)
        if _is_free(run, publication) and _claim(run, publication):
            return publication
        run.check()
        if time.monotonic() > until:
            raise RetryLater("another publication of this version is under way", 1.0)
        time.sleep(0.2)


def _is_free(run: Run, publication: Publication) -> bool:
    """Another living job carries it, unless it only waits in line: then whoever comes first takes it."""
    holder = publication.job
    if holder is None or holder.pk == run.job.pk or holder.state not in tuple(LIVE_JOBS):
        return True
    return publication.state == PublicationState.QUEUED


def _claim(run: Run, publication: Publication) -> bool:
    old = publication.state
    to = PublicationState.UNKNOWN if old == PublicationState.UNKNOWN else PublicationState.PUBLISHING
    values = {"state": to, "job": run.job, "provider": _label(publication)}
    same = Q(id=publication.id, state=old, job_id=publication.job_id)
    with contextlib.suppress(IntegrityError), run.effect():  # the constraint: one at a time per version
        if not Publication.everyone.filter(same).update(**values):
            return False
        publication.refresh_from_db()
        if old != to:
            status.announce(publication, run.actor, old)
        return True
    return False


def _label(publication: Publication) -> str:
    with contextlib.suppress(errors.LonaError):
        return provider_label()
    return publication.provider


def _ended(publication: Publication) -> ProblemError:
    error = publication.error or {}
    problem = errors.LonaError(error.get("message", "the publication has ended"), error.get("details"))
    problem.code = error.get("code", problem.code)
    return problem


def _published(run: Run, publication: Publication, symbol: dict[str, Any]) -> None:
    old = publication.state
    with run.effect():
        status.lock(publication.version)
        _move(
            publication,
            PublicationState.PUBLISHED,
            lona_symbol_id=str(symbol["id"]),
            error=None,
            published_at=db.now(),
            mapping="ok",
            reconciled_at=db.now(),
        )
        Dataset.everyone.filter(id=publication.version.dataset_id).update(
            provider_data_id=publication.lona_symbol_id[:128]
        )
        status.announce(publication, run.actor, old, rows=publication.rows, contentHash=publication.content_hash)
        status.settle(publication.version, run.actor, run.job.ref)
    run.log(f"published {publication.instrument} as {publication.symbol_name}: {publication.rows} bars read back equal")


def _move(publication: Publication, to: str, **values: Any) -> None:
    moved = Publication.everyone.filter(id=publication.id, state__in=LIVE).update(state=to, **values)
    if not moved:
        raise RetryLater("the publication was moved by somebody else")
    publication.refresh_from_db()


def _remove_doubles(run: Run, client: Client, publication: Publication) -> None:
    """After a lost answer the provider may hold our name twice; what no publication refers to is deleted there."""
    for symbol in client.symbols_named(publication.symbol_name):
        used = Publication.everyone.filter(lona_symbol_id=symbol["id"], state=PublicationState.PUBLISHED).exists()
        if not used:
            with contextlib.suppress(errors.LonaError):
                client.delete_symbol(str(symbol["id"]))
                run.log(f"deleted a second copy of {publication.symbol_name} at the provider", "warning")
