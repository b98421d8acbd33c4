"""Takes candidates in: writes down what is to be done and starts its jobs, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from django.conf import settings

from backfill.ingestion import planning, settling
from backfill.ingestion.planning import Options, Plan, Wanted
from backfill.models import IngestItem, IngestRun, ItemState
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import Unprocessable
from tradenexus.events import outbox
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job

JOB = "backfill.ingest"
Each = TypeVar("Each", Wanted, IngestItem)


class NothingAccepted(Unprocessable):
    """No candidate passed. Nothing was done; `details` names each with the reason."""

    code = "INGEST_NOTHING_ACCEPTED"


def request(actor: Actor, handed: Any, options: Options, source: str = "") -> tuple[IngestRun, Plan, list[Job]]:
    """Write down candidates as they were handed in and start the jobs that fetch what is stale or missing.

    Inside `db.atomic()`. What is fresh is settled at once. CandidatesMalformed, NothingAccepted.
    """
    made = planning.plan(actor, handed, options)
    if not made.fresh and not made.queued:
        refused = [each.shown() for each in made.refused]
        raise NothingAccepted("no candidate was accepted", {"refused": refused[:200]})
    run = IngestRun.everyone.create(
        tenant_id=actor.tenant_id,
        user_id=actor.user_id,
        source=source[:200],
        options=options.shown(),
        refused=[each.shown() for each in made.refused],
        total=len(made.fresh) + len(made.queued),
    )
    jobs = _items(actor, run, made)
    told = {"fresh": len(made.fresh), "queued": len(made.queued), "refused": len(made.refused)}
    details = {**told, "options": run.options, "source": source, "jobs": [job.ref for job in jobs]}
    outbox.record(actor, "ingest.asked", run.ref, new="working", details=details, data=told)
    if not jobs:
        settling.close(actor, run)
    return run, made, jobs


def _items(actor: Actor, run: IngestRun, made: Plan) -> list[Job]:
    now, jobs = db.now(), []
    items = [
        _item(run, each, state=ItemState.FRESH, reason=each.why, settled_at=now, number=number)
        for number, each in enumerate(made.fresh, 1)
    ]
    for batch in batches(made.queued, settings.NEXUS_INGEST_BATCH):
        job = queue.submit(actor, JOB, {"ingestId": run.ref}, subject=run.ref)
        jobs.append(job)
        items += [_item(run, each, job=job, number=len(items) + at) for at, each in enumerate(batch, 1)]
    IngestItem.objects.bulk_create(items, batch_size=500)
    return jobs


def _item(run: IngestRun, each: Wanted, **more: Any) -> IngestItem:
    named = {"table": each.table, "instrument": each.instrument, "vendor": each.vendor}
    return IngestItem(run=run, facts=each.facts, start_ns=each.start_ns, **named, **more)


def batches(queued: Sequence[Each], most: int) -> Iterator[list[Each]]:
    """Cut what is to be fetched into batches of one vendor and at most so many instruments, an instrument's together.

    Prices are judged by the splits that the lake knows, so all tables of an instrument belong into one job.
    """
    by_vendor: dict[str, dict[str, list[Each]]] = {}
    for each in queued:
        by_vendor.setdefault(each.vendor, {}).setdefault(each.instrument, []).append(each)
    for grouped in by_vendor.values():
        instruments = list(grouped.values())
        for at in range(0, len(instruments), most):
            yield [each for some in instruments[at : at + most] for each in some]
