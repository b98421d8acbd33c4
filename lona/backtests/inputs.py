"""What a backtest reads: how much of it is there, and the provider's symbols for it, published just in time."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from django.conf import settings

from datasets.engine import children, handover
from datasets.models import DatasetVersion, VersionFile
from datasets.storage import blobs
from lona import errors, resolve
from lona.adapter.slices import Slice
from lona.models import Backtest, BacktestInput, MissingData, Publication, PublicationState
from lona.publish import requests, status
from lona.publish.carry import carry_out
from tradenexus.jobs.runner import Run


def measure(run: Run, row: Backtest) -> list[dict[str, Any]]:
    """Measure each input's cover of the days; BacktestRangeEmpty without bars, BacktestDataMissing under fail_fast."""
    start_ns, end_ns = resolve.day_range(row.start_date, row.end_date)
    found = []
    for part in _inputs(row):
        run.check()
        run.progress("looking at the bars", None, None, "")
        said = _measured(run, part, start_ns, end_ns)
        found.append({"versionId": part.version.ref, "instrument": part.instrument, **said})
    for version in {one["versionId"] for one in found}:
        if not any(one["rows"] for one in found if one["versionId"] == version):
            raise errors.BacktestRangeEmpty("no bars in this range, so nothing was sent", {"versionId": version})
    lacking = [one for one in found if one["missingDays"]]
    if lacking and row.missing_data == MissingData.FAIL_FAST:
        days = sum(one["missingDays"] for one in lacking)
        raise errors.BacktestDataMissing(f"{days:,} days of the range have no bars", {"inputs": lacking[:20]})
    return [{**one, "missing": one["missing"][:20]} for one in found]


def _measured(run: Run, part: BacktestInput, start_ns: int, end_ns: int) -> dict[str, Any]:
    files = VersionFile.objects.filter(version=part.version_id, instrument=part.instrument, venue=part.venue)
    with ExitStack() as stack:
        stored = [stack.enter_context(blobs.local(file.key)) for file in files.order_by("t0_ns", "number")]
        paths = [handover.reads(path) for path in stored]
        return children.run(
            "lona.adapter.coverage:measure",
            {"inputs": paths, "start_ns": start_ns, "end_ns": end_ns, "calendar": calendar_of(part.version)},
            limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES),
            cancelled=run.cancelled,
        )


def calendar_of(version: DatasetVersion | None) -> str | None:
    """Find the calendar that the version, or one it was made from, was validated or built with."""
    while version is not None:
        named = version.params.get("calendar") or version.params.get("session")
        if named:
            return str(named)
        version = version.parent
    return None


def publish(run: Run, row: Backtest) -> list[str]:
    """Publish what is not there yet, only the slices needed, and return the provider's symbol ids in order."""
    symbols = list(row.data_ids)
    for part in _inputs(row):
        publication = covering(part) or _just_in_time(run, part)
        BacktestInput.objects.filter(id=part.id).update(publication=publication)
        if publication.lona_symbol_id not in symbols:
            symbols.append(publication.lona_symbol_id)
    return symbols


def covering(part: BacktestInput) -> Publication | None:
    """Find a published slice that holds all bars of the part; a longer one will do, the provider cuts by date."""
    return (
        Publication.of(part.version.tenant_id)
        .filter(
            version=part.version_id,
            instrument=part.instrument,
            venue=part.venue,
            state=PublicationState.PUBLISHED,
            start_ns__lte=part.start_ns,
            end_ns__gte=part.end_ns,
        )
        .order_by("created_at")
        .first()
    )


def _just_in_time(run: Run, part: BacktestInput) -> Publication:
    version = part.version
    wanted = Slice(part.instrument, part.venue, version.interval, part.start_ns, part.end_ns)
    with run.effect():
        status.lock(version)
        publication = requests.join(run.actor, version, wanted, "just_in_time")
        if publication.job is None:
            Publication.everyone.filter(id=publication.id).update(job=run.job)
        status.settle(version, run.actor, run.job.ref)
    return carry_out(run, publication.id)


def retire_missing(run: Run, row: Backtest, message: str) -> bool:
    """Retire the publications whose symbol the provider says it does not have; False when the message names none."""
    parts = [part for part in _inputs(row) if part.publication and part.publication.lona_symbol_id in message]
    for part in parts:
        publication = part.publication
        assert publication is not None
        error = {"code": errors.LonaNotFound.code, "message": message[:500], "details": {}}
        with run.effect():
            BacktestInput.objects.filter(id=part.id).update(publication=None)
            Publication.everyone.filter(id=publication.id, state=PublicationState.PUBLISHED).update(
                state=PublicationState.RETIRED, error=error
            )
            publication.refresh_from_db()
            status.announce(publication, run.actor, "published", "the provider no longer has this symbol")
    return bool(parts)


def _inputs(row: Backtest) -> list[BacktestInput]:
    related = ("version__dataset", "version__parent", "publication__version__dataset")
    return list(BacktestInput.objects.filter(backtest=row).select_related(*related).order_by("place"))
