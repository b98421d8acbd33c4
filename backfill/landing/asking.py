"""Asks a vendor and lands what it gives: an offline one in a capped child, any other here, page by page.

The rows are put in shape by a child in both cases: this process loads no reader.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings

from backfill.vendors import errors
from backfill.vendors.base import Request, Vendor
from backfill.vendors.errors import VendorError
from backfill.vendors.registry import Listed
from datasets.engine import children, handover
from datasets.market.intervals import DAY
from tradenexus.errors import ProblemError, Unavailable


@dataclass(frozen=True, slots=True)
class Landed:
    """Rows of one answer in a file of their own: in the table's columns and order, all in [start_ns, end_ns).

    `first_ns` and `last_ns` are the times of the first and of the last one.
    `gaps` are pairs of neighbouring rows' times that lie farther apart than NEXUS_INGEST_GAP_DAYS.
    """

    path: Path
    sha256: str
    rows: int
    start_ns: int
    end_ns: int
    first_ns: int
    last_ns: int
    fetched_at: datetime
    gaps: list[list[int]]


Answer = Landed | ProblemError


def ask(listed: Listed, requests: Sequence[Request], room: Path, run: Any, most_rows: int) -> list[Answer]:
    """Return what came of the first requests, in order: all of them, or as many as it takes to reach `most_rows`.

    At least one is answered. `room` is a scratch folder. A request that its child does not survive is told as its
    error; what says that this machine is not well (Unavailable) is raised, and so is a cancel.
    """
    try:
        return _ask(listed, requests, room, run, most_rows)
    except VendorError as told:
        problem: ProblemError = told
    except children.ChildFailed as failed:
        if failed.status == Unavailable.status:
            raise
        problem = failed
    if len(requests) == 1:
        return [problem]
    # One of many is to blame: alone, each answers for itself.
    answers: list[Answer] = []
    for one in requests:
        answers += ask(listed, [one], room, run, most_rows)
        if sum(each.rows for each in answers if isinstance(each, Landed)) >= most_rows:
            break
    return answers


def _ask(listed: Listed, requests: Sequence[Request], room: Path, run: Any, most_rows: int) -> list[Answer]:
    assert listed.vendor
    folder = room / f"landing-{uuid4().hex}"
    folder.mkdir(parents=True)
    shared = {"gap_ns": settings.NEXUS_INGEST_GAP_DAYS * DAY, "out_dir": handover.writes(folder)}
    if listed.vendor.offline:
        asked = [
            {"table": each.table, "instrument": each.instrument, "startNs": each.start_ns, "endNs": each.end_ns}
            for each in requests
        ]
        carried = _inputs(listed.vendor.carried(requests))
        params = {**shared, "adapter": listed.path, "settings": carried, "requests": asked, "most_rows": most_rows}
        return [_read(each) for each in _child("fetch", params, run)]
    pages = _Pages(listed.vendor, room / f"pages-{uuid4().hex}", run)
    told = pages.of(requests, most_rows)
    works = [each for each in told if isinstance(each, dict)]
    shaped = iter(_child("shape", {**shared, "works": works}, run) if works else ())
    return [_read(next(shaped)) if isinstance(each, dict) else each for each in told]


def _child(function: str, params: dict[str, Any], run: Any) -> list[dict[str, Any]]:
    def tell(said: dict[str, Any]) -> None:
        run.progress(said["phase"], said.get("done"), said.get("total"), said.get("unit", "rows"))

    limits = children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES)
    task = f"backfill.landing.writing:{function}"
    return list(children.run(task, params, limits=limits, on_message=tell, cancelled=run.cancelled)["answers"])


def _inputs(value: Any) -> Any:
    """Name the files in a vendor's settings as what the child may read."""
    if isinstance(value, dict):
        return {name: _inputs(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_inputs(each) for each in value]
    return handover.reads(value) if isinstance(value, Path) else value


def _read(told: dict[str, Any]) -> Answer:
    if "error" in told:
        return errors.again(**told["error"])
    fetched_at = datetime.fromisoformat(told["fetchedAt"])
    names = {"start_ns": "startNs", "end_ns": "endNs", "first_ns": "firstNs", "last_ns": "lastNs"}
    times = {name: told[key] for name, key in names.items()}
    path = Path(told["path"])
    return Landed(path, told["sha256"], told["rows"], **times, fetched_at=fetched_at, gaps=told["gaps"])


class _Pages:
    """Pages of a vendor that is asked in this process, each in a file: a long answer is never in memory at once."""

    def __init__(self, vendor: Vendor, folder: Path, run: Any):
        self.vendor, self.folder, self.run, self.rows = vendor, folder, run, 0
        folder.mkdir(parents=True)

    def of(self, requests: Sequence[Request], most_rows: int) -> list[dict[str, Any] | VendorError]:
        told: list[dict[str, Any] | VendorError] = []
        for number, request in enumerate(requests):
            told.append(self._one(number, request))
            self.run.progress("fetch", number + 1, len(requests), "instruments")
            stopped = isinstance(told[-1], errors.AccessDenied | errors.RateLimited)
            if stopped or self.rows >= most_rows:
                break
        return told

    def _one(self, number: int, request: Request) -> dict[str, Any] | VendorError:
        pages: list[dict[str, Any]] = []
        try:
            for page in self.vendor.fetch(request):
                self.run.check()
                file = self.folder / f"{number:05d}-{len(pages):06d}.json"
                file.write_text(json.dumps(dict(page.rows)))
                told = {"startNs": page.start_ns, "endNs": page.end_ns, "fetchedAt": page.fetched_at.isoformat()}
                pages.append({"file": handover.reads(file), **told})
                self.rows += len(page.rows["ts_event"])
        except VendorError as error:
            return error
        return {"table": request.table, "instrument": request.instrument, "pages": pages}
