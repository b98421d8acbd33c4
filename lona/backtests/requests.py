"""A run is asked for: versions pinned, policy and range checked, the row and its job written in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from datasets.models import DatasetVersion, VersionFile
from datasets.storage import blobs
from lona import errors, resolve
from lona.adapter.slices import Slice
from lona.models import Backtest, BacktestInput, MissingData, Strategy, StrategyState, SymbolLink
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest, ProblemError
from tradenexus.events import outbox
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job

KIND = "lona.backtest"
LOOK_INSIDE_BYTES = 256 << 20  # larger files are looked into by the job only
Part = tuple[DatasetVersion, Slice]


def create(actor: Actor, strategy: Strategy, asked: dict[str, Any]) -> tuple[Backtest, Job]:
    """Write a backtest and its job, inside `db.atomic()`; nothing is sent before the job has looked at the bars.

    Refused: StrategyNotReady, MissingDataPolicyUnavailable, DatasetNotValidated, BacktestRangeEmpty, NotFound.
    """
    if strategy.state != StrategyState.READY:
        raise errors.StrategyNotReady(f"the strategy is {strategy.state}", {"strategyId": strategy.ref})
    refuse_policy(asked["missingData"])
    parts, links = pinned(actor, asked)
    row = Backtest.everyone.create(
        tenant_id=actor.tenant_id,
        user_id=actor.user_id,
        strategy=strategy,
        start_date=asked["startDate"],
        end_date=asked["endDate"],
        initial_cash=asked["initialCash"],
        parameters=asked["parameters"],
        commission=asked["commission"],
        leverage=asked["leverage"],
        buy_on_close=asked["buyOnClose"],
        missing_data=asked["missingData"],
        data_ids=list(dict.fromkeys([*asked.get("dataIds", []), *(link.lona_symbol_id for link in links)])),
    )
    _inputs(row, parts)
    job = queue.submit(actor, KIND, {"backtestId": row.ref}, subject=row.ref)
    Backtest.everyone.filter(id=row.id).update(job=job)
    row.job = job
    told = {"strategyId": strategy.ref, "job": job.ref, "versions": sorted({version.ref for version, _ in parts})}
    outbox.record(actor, "backtest.status", row.ref, new=row.status, details=told, data=told)
    return row, job


def pinned(actor: Actor, asked: dict[str, Any]) -> tuple[list[Part], list[SymbolLink]]:
    """Pin `datasetIds` to versions and cut them to the days of the run; linked datasets have no slice of ours."""
    start_ns, end_ns = resolve.day_range(asked["startDate"], asked["endDate"])
    parts: list[Part] = []
    links: list[SymbolLink] = []
    seen: set[Any] = set()
    for ref in asked.get("datasetIds", []):
        version = resolve.runnable(actor.tenant_id, ref)
        if version.id in seen:
            raise BadRequest(f"{ref} names a version twice", {"fields": {"datasetIds": ["named twice"]}})
        seen.add(version.id)
        link = SymbolLink.of(actor.tenant_id).filter(dataset_id=version.dataset_id).first()
        if link is not None:
            links.append(link)
            continue
        cut = resolve.slices(version, start_ns, end_ns, empty=errors.BacktestRangeEmpty)
        parts.extend((version, part) for part in cut)
    return parts, links


def refuse_empty(actor: Actor, asked: dict[str, Any]) -> None:
    """Look into the files whether the days hold any bar; BacktestRangeEmpty. Outside of transactions: it reads files.

    Anything else that is wrong is left to `create` to say.
    """
    try:
        parts, _ = pinned(actor, asked)
    except ProblemError:
        return
    by_version: dict[Any, list[Part]] = {}
    for version, part in parts:
        by_version.setdefault(version.id, []).append((version, part))
    for group in by_version.values():
        if not any(_has_bars(version, part) for version, part in group):
            version = group[0][0]
            raise errors.BacktestRangeEmpty(
                f"version {version.number} has no bars in this range", resolve.range_details(version)
            )


def _has_bars(version: DatasetVersion, part: Slice) -> bool:
    files = VersionFile.objects.filter(version=version, instrument=part.instrument, venue=part.venue)
    if any(part.start_ns <= ns < part.end_ns for file in files for ns in (file.t0_ns, file.t1_ns)):
        return True  # its first or last bar lies inside: no need to open it
    if sum(file.size_bytes for file in files) > LOOK_INSIDE_BYTES:
        return True
    from lona.adapter import slices  # reads Parquet: imported at first use

    with ExitStack() as stack:
        paths = [str(stack.enter_context(blobs.local(file.key))) for file in files]
        return bool(slices.survey({"inputs": paths, "start_ns": part.start_ns, "end_ns": part.end_ns})["rows"])


def _inputs(row: Backtest, parts: Sequence[Part]) -> None:
    BacktestInput.objects.bulk_create(
        BacktestInput(
            backtest=row,
            version=version,
            instrument=part.instrument,
            venue=part.venue,
            start_ns=part.start_ns,
            end_ns=part.end_ns,
            place=place,
        )
        for place, (version, part) in enumerate(parts)
    )


def refuse_policy(policy: str) -> None:
    """Refuse what this installation cannot do; MissingDataPolicyUnavailable."""
    if policy in (MissingData.AUTO_BACKFILL, MissingData.SEAMLESS):
        raise errors.MissingDataPolicyUnavailable(
            f"{policy} fetches what is missing from vendors, and no vendor is configured here",
            {"missingData": policy, "available": [MissingData.FAIL_FAST, MissingData.PARTIAL_FILL]},
        )
