"""Promotion: a version's rows become part of the lake, as a job of one commit after another, each done once.

A version is cut by time into commits of bounded size; a job that was cut short goes on with the first commit that is
missing. Lineage continues through the commits, whose source is the version.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

from datasets import versions
from datasets.lake import commit, instruments, rules
from datasets.lake.offers import Offer
from datasets.market import dates, intervals, kinds, tables
from datasets.market import instruments as names
from datasets.models import Dataset, DatasetVersion, LakeCommit, Status, VersionFile
from datasets.storage import blobs
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest, Unprocessable
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job

JOB = "lake.promote"
STATES = frozenset({Status.VALIDATED, Status.READY, Status.PUBLISHING, Status.PUBLISHED, Status.PUBLISH_FAILED})
ROWS = 1_000_000  # of one commit, about
UPLOADED = "upload"


class NotPromotable(Unprocessable):
    """The version does not fit the table: another kind, another interval, or nothing in it. `message` says which."""

    code = "VERSION_NOT_PROMOTABLE"


def request(actor: Actor, dataset: Dataset, wanted: Any, options: dict[str, Any]) -> tuple[DatasetVersion, Job]:
    """Start promoting a version into a table; inside `db.atomic()`. StateConflict unless it is validated or ready.

    options: table, policy (refuse, newer, rank), ranks, instruments {symbol of the version: VENUE:SYMBOL}, and type,
    calendar, timezone, base, quote for instruments the registry does not know. Refuses NotPromotable, SymbolRefused,
    TableUnknown, and what the registry refuses. The same request again joins the job that is under way.
    """
    version = versions.of_dataset(dataset, wanted, STATES)
    table = tables.find(options["table"])
    _check(version, table)
    if options.get("policy", rules.REFUSE) not in rules.POLICIES:
        raise BadRequest("unknown policy", {"fields": {"policy": list(rules.POLICIES)}})
    mapped = _named(version, options.get("instruments") or {})
    facts = {name: options[name] for name in instruments.FIELDS if options.get(name)}
    for name in mapped.values():
        instruments.ensure(actor, name, facts)
    settled = {**options, "instruments": mapped}
    params = {"versionId": version.ref, "options": settled}
    job = queue.submit(actor, JOB, params, subject=version.ref, dedupe=f"{version.ref}:{table.name}")
    return version, job


def tables_for(version: DatasetVersion) -> list[tables.Table]:
    """Return the tables whose kind and interval the version's rows have."""
    fitting = []
    for table in tables.TABLES.values():
        with suppress(NotPromotable):
            _check(version, table)
            fitting.append(table)
    return fitting


def run_job(run: Any) -> dict[str, Any]:
    """Commit the version piece by piece -> {commits, added, replaced, unchanged, quarantined}."""
    version = versions.resolve(run.actor.tenant_id, run.params["versionId"], STATES)
    options = run.params["options"]
    pieces = list(_pieces(version, tables.find(options["table"])))
    totals = {"commits": 0, "added": 0, "replaced": 0, "unchanged": 0, "quarantined": 0}
    for number, piece in enumerate(pieces):
        run.check()
        done = _commit(run, version, options, piece, number)
        totals["commits"] += 1
        for name in ("added", "replaced", "unchanged", "quarantined"):
            totals[name] += done.summary[name]
        run.progress("commit", number + 1, len(pieces), "commits")
    with run.effect() as effect:
        effect.finish({"versionId": version.ref, "table": options["table"], **totals})
    return totals


def _commit(run: Any, version: DatasetVersion, options: dict[str, Any], piece: list[Any], number: int) -> LakeCommit:
    table, policy = options["table"], options.get("policy") or rules.REFUSE
    with ExitStack() as stack:
        offers = [
            Offer(
                table=table,
                instrument=options["instruments"][file.instrument],
                paths=(stack.enter_context(blobs.local(file.key)),),
                start_ns=start,
                end_ns=end,
                vendor=version.dataset.vendor or UPLOADED,
                fetched_at=version.created_at,
                policy=policy,
                ranks=options.get("ranks") or {},
                cut=True,
            )
            for file, start, end in piece
        ]
        return commit.commit(
            run.actor,
            offers,
            operation="promote",
            key=f"promote:{version.ref}:{run.job.ref}:{number}",
            room=run.work_dir() / str(number),
            source=version.ref,
            run=run,
        )


def _check(version: DatasetVersion, table: tables.Table) -> None:
    family = {kinds.BARS: tables.BARS, kinds.TRADES: tables.TICKS, kinds.QUOTES: tables.TICKS}.get(version.kind)
    if family != table.family or (family == tables.TICKS and table.name != version.kind):
        raise NotPromotable(
            f"version {version.number} holds {version.kind or 'nothing'}; {table.name} holds {table.family}",
            {"kind": version.kind, "table": table.name},
        )
    if table.family == tables.BARS and version.interval != table.interval:
        raise NotPromotable(
            f"version {version.number} has bars of {version.interval}; {table.name} holds {table.interval}",
            {"interval": version.interval, "table": table.name},
        )
    if not version.files.exists():
        raise NotPromotable(f"version {version.number} has no rows", {"versionId": version.ref})


def _named(version: DatasetVersion, asked: dict[str, str]) -> dict[str, str]:
    """Return the lake's name of each symbol of the version: the one asked for, else VENUE:SYMBOL where that is one."""
    unknown = sorted(set(asked) - set(version.symbols))
    if unknown:
        raise BadRequest("the version has no such symbol", {"fields": {"instruments": unknown[:20]}})
    named = {}
    for symbol in version.symbols:
        given = asked.get(symbol)
        if not given and not version.venue:
            words = f"the version does not say where {symbol[:40]} trades: name it as VENUE:SYMBOL"
            raise names.SymbolRefused(words, {"symbol": symbol[:64]})
        named[symbol] = str(names.parse(given) if given else names.name(version.venue.upper(), symbol))
    doubled = sorted({name for name in named.values() if list(named.values()).count(name) > 1})
    if doubled:
        raise BadRequest("two symbols are mapped to one instrument", {"fields": {"instruments": doubled[:20]}})
    return named


def _pieces(version: DatasetVersion, table: tables.Table) -> Iterator[list[tuple[VersionFile, int, int]]]:
    """Yield what goes into one commit: (file, start, end), whole spans, about ROWS rows together."""
    piece: list[tuple[VersionFile, int, int]] = []
    rows = 0.0
    for file in version.files.order_by("number"):
        for start, end, share in _stretches(file, table):
            # One offer an entry: a second stretch of the same instrument begins the next commit.
            if piece and (rows + share > ROWS or piece[-1][0].instrument == file.instrument):
                yield piece
                piece, rows = [], 0.0
            piece.append((file, start, end))
            rows += share
    if piece:
        yield piece


def _stretches(file: VersionFile, table: tables.Table) -> Iterator[tuple[int, int, float]]:
    """Yield (start, end, rows about) of a file, cut where segments are cut, each of about ROWS rows at the most."""
    step = (intervals.parse(table.interval).duration_ns or intervals.DAY) if table.interval else 1
    first = file.t0_ns // intervals.DAY * intervals.DAY
    last = max(file.t1_ns + step, -(-(file.t1_ns + 1) // intervals.DAY) * intervals.DAY)
    density = file.rows / max(1, last - first)
    start = first
    while start < last:
        end = dates.span_end(table.span, dates.span_start_of(table.span, start))
        while end < last and (end - start) * density < ROWS / 2:
            end = dates.span_end(table.span, end)
        end = min(end, last)
        yield start, end, (end - start) * density
        start = end
