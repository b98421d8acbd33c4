"""What a run would meet, looked up before it is asked for: cover of the days, quality, what must be published first.

It changes nothing and asks the provider nothing; the job looks again at the same bars before it sends anything.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from django.conf import settings

from datasets.engine import children, handover
from datasets.models import DatasetVersion, VersionFile
from datasets.storage import blobs
from lona import errors, resolve
from lona.adapter.slices import Slice
from lona.backtests import inputs, requests
from lona.models import BacktestInput, MissingData, Publication, Strategy, StrategyState, SymbolLink
from tradenexus.actor import Actor
from tradenexus.errors import ProblemError

MEASURED = 20  # instruments; the job measures all of them
WALL_S = 20.0
Found = dict[str, Any]


def look(actor: Actor, asked: dict[str, Any], strategy: Strategy | None = None) -> Found:
    """Return {ok, problems, warnings, inputs, rows, coveragePct, missingDays, toPublish}; what blocks is a problem.

    `asked` is the body of a backtest. inputs: one row an instrument, or a linked symbol.
    """
    problems = [_problem(error) for error in _refusals(asked, strategy)]
    rows: list[Found] = []
    try:
        parts, links = requests.pinned(actor, asked)
        rows = [_described(actor, version, part) for version, part in parts] + [_linked(link) for link in links]
        _measure(parts, rows, asked)
        problems += [_problem(error) for error in _lacks(rows, asked)]
    except ProblemError as refused:
        problems.append(_problem(refused))
    return {
        "ok": not problems,
        "problems": problems,
        "warnings": _warnings(rows, asked),
        "inputs": rows,
        **_summed(rows),
    }


def _refusals(asked: dict[str, Any], strategy: Strategy | None) -> list[ProblemError]:
    found: list[ProblemError] = []
    if strategy is not None and strategy.state != StrategyState.READY:
        found.append(errors.StrategyNotReady(f"the strategy is {strategy.state}", {"strategyId": strategy.ref}))
    try:
        requests.refuse_policy(asked["missingData"])
    except errors.MissingDataPolicyUnavailable as refused:
        found.append(refused)
    return found


def _described(actor: Actor, version: DatasetVersion, part: Slice) -> Found:
    wanted = BacktestInput(
        version=version, instrument=part.instrument, venue=part.venue, start_ns=part.start_ns, end_ns=part.end_ns
    )
    there: Publication | None = inputs.covering(wanted)
    return {
        "datasetId": version.dataset.ref,
        "ref": f"{version.dataset.ref}@{version.number}",
        "name": version.dataset.name,
        "version": version.number,
        "versionId": version.ref,
        "status": version.status,
        "grade": version.grade or None,
        "score": version.score,
        "sha256": version.sha256 or None,
        "instrument": part.instrument,
        "frequency": version.interval,
        "publish": "published" if there else "just_in_time",
        "lonaSymbolId": there.lona_symbol_id if there else None,
        **_UNMEASURED,
    }


_UNMEASURED: Found = {
    "rows": None,
    "first": None,
    "last": None,
    "calendar": None,
    "expectedDays": None,
    "missingDays": None,
    "missing": [],
    "coveragePct": None,
}


def _linked(link: SymbolLink) -> Found:
    dataset = link.dataset
    return {
        "datasetId": dataset.ref,
        "ref": f"{dataset.ref}@{dataset.version}",
        "name": dataset.name,
        "version": dataset.version,
        "versionId": None,
        "status": dataset.status,
        "grade": None,
        "score": None,
        "sha256": None,
        "instrument": link.name,
        "frequency": link.frequency,
        "publish": "linked",
        "lonaSymbolId": link.lona_symbol_id,
        **_UNMEASURED,
    }


def _measure(parts: list[requests.Part], rows: list[Found], asked: dict[str, Any]) -> None:
    """Fill in rows and days from the files, in one capped child; large inputs are left to the job."""
    start_ns, end_ns = resolve.day_range(asked["startDate"], asked["endDate"])
    some = parts[:MEASURED]
    with ExitStack() as stack:
        wanted = []
        for version, part in some:
            files = VersionFile.objects.filter(version=version, instrument=part.instrument, venue=part.venue)
            if sum(file.size_bytes for file in files) > requests.LOOK_INSIDE_BYTES:
                return
            stored = [stack.enter_context(blobs.local(file.key)) for file in files.order_by("t0_ns", "number")]
            paths = [handover.reads(path) for path in stored]
            named = {"inputs": paths, "start_ns": start_ns, "end_ns": end_ns}
            wanted.append({**named, "calendar": inputs.calendar_of(version)})
        if not wanted:
            return
        limits = children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES, wall_s=WALL_S)
        found = children.run("lona.adapter.coverage:measure_all", {"parts": wanted}, limits=limits)["parts"]
    for row, said in zip(rows, found, strict=False):
        row |= _shown(said)


def _shown(said: Found) -> Found:
    expected, missing = said["expectedDays"], said["missingDays"]
    return {
        "rows": said["rows"],
        "first": None if said["firstNs"] is None else resolve.instant(said["firstNs"]),
        "last": None if said["lastNs"] is None else resolve.instant(said["lastNs"]),
        "calendar": said["calendar"],
        "expectedDays": expected,
        "missingDays": missing,
        "missing": said["missing"][:20],
        "coveragePct": round(100 * (expected - missing) / expected, 2) if expected else None,
    }


def _lacks(rows: list[Found], asked: dict[str, Any]) -> list[ProblemError]:
    by_version: dict[str, list[Found]] = {}
    for row in rows:
        if row["rows"] is not None:
            by_version.setdefault(row["ref"], []).append(row)
    found: list[ProblemError] = [
        errors.BacktestRangeEmpty(f"no bars of {group[0]['name']}@{group[0]['version']} in these days", {"ref": ref})
        for ref, group in by_version.items()
        if not any(row["rows"] for row in group)
    ]
    days = sum(row["missingDays"] or 0 for row in rows)
    if days and asked["missingData"] == MissingData.FAIL_FAST and not found:
        found.append(errors.BacktestDataMissing(f"{days:,} days of the range have no bars", {"missingDays": days}))
    return found


def _warnings(rows: list[Found], asked: dict[str, Any]) -> list[str]:
    warnings = [
        f"the quality of {name} is {grade}: read its report before you trust the result"
        for name, grade in sorted({(f"{row['name']}@{row['version']}", row["grade"]) for row in rows})
        if grade not in (None, "GREEN")
    ]
    days = sum(row["missingDays"] or 0 for row in rows)
    if days and asked["missingData"] == MissingData.PARTIAL_FILL:
        warnings.append(f"{days:,} days without bars are left out of the run")
    if any(row["rows"] is None and row["publish"] != "linked" for row in rows):
        warnings.append("not everything was measured here; the job measures all of it before anything is sent")
    if any(row["publish"] == "linked" for row in rows):
        warnings.append("a linked symbol's bars are at the provider: their cover is not known here")
    return warnings


def _summed(rows: list[Found]) -> Found:
    measured = [row for row in rows if row["rows"] is not None]
    expected = sum(row["expectedDays"] or 0 for row in measured)
    missing = sum(row["missingDays"] or 0 for row in measured)
    return {
        "rows": sum(row["rows"] for row in measured) if measured else None,
        "missingDays": missing if measured else None,
        "coveragePct": round(100 * (expected - missing) / expected, 2) if expected else None,
        "toPublish": sum(row["publish"] == "just_in_time" for row in rows),
    }


def _problem(error: ProblemError) -> Found:
    return {"code": error.code, "message": error.message, "details": error.details}
