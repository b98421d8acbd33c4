"""Fills a lake beside a running stack and times it, with the installation's own catalog and storage; prints JSON.

`python -m benchmarks.lakerun reads INSTRUMENTS MONTHS ENTRIES PICKS`, after it `... commits INSTRUMENTS MONTHS APPENDS
PICKS`.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import django
import numpy as np

from benchmarks import lakereads
from benchmarks.lakefill import DAY, MINUTE, TABLE, Lake, name_of
from benchmarks.lakereads import PANDAS, PYARROW, Peer, Pick

DAYS = {"day": 1, "year": 365}
TIMED = 10


def reads(instruments: int, months: int, entries: int, picks: int) -> dict[str, Any]:
    """Fill both sides and read the same ranges of both."""
    from django.conf import settings

    lakereads.install()
    with _room() as room:
        lake, peer = Lake(room, months), Peer(room / "arctic")
        began = time.perf_counter()
        size = lake.fill(instruments, entries, lambda name, paths: peer.tell(do="write", symbol=name, paths=paths))
        peer.settle()
        told = {"fill_s": time.perf_counter() - began, "lake_bytes": size, "peer_bytes": peer.size_bytes}
        told["reads"] = _reads(lake, peer, instruments, picks, Path(settings.NEXUS_HOME))
        peer.close()
    return told


def commits(instruments: int, months: int, appends: int, picks: int) -> dict[str, Any]:
    """Make snapshots of the lake that `reads` has left, commit a session, and read after many appends."""
    with _room() as room:
        lake = Lake(room, months)
        told: dict[str, Any] = {"snapshot_s": [_snapshot(lake, instruments, number) for number in range(3)]}
        told["commit_s"], told["commit_bytes"] = _session(lake, instruments)
        return told | _appends(lake, appends, picks)


@contextmanager
def _room() -> Iterator[Path]:
    from django.conf import settings

    room = Path(tempfile.mkdtemp(prefix="lake-", dir=settings.NEXUS_HOME))
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _reads(lake: Lake, peer: Peer, instruments: int, count: int, home: Path) -> dict[str, dict[str, list[float]]]:
    """Read random ranges: each for the first time off the disk, then in three rounds once each has been read."""
    order = np.random.default_rng(1)
    told = {}
    for what, days in DAYS.items():
        picks = _picks(lake, order, instruments, days, count if days == 1 else max(1, count // 5))
        peer.evict()
        lakereads.forget(home)
        told[f"{what}, cold"] = lakereads.beside(peer, lake.tenant.id, picks, PYARROW)
        for form in (PYARROW, PANDAS):
            lakereads.beside(peer, lake.tenant.id, picks, form)  # to warm up
            told[f"{what}, {form}"] = lakereads.beside(peer, lake.tenant.id, picks, form, rounds=3)
    return told


def _picks(lake: Lake, order: np.random.Generator, instruments: int, days: int, count: int) -> list[Pick]:
    """Return ranges of whole days of random instruments, each instrument at most once while there are enough."""
    most = max(1, (lake.end - lake.spans[0]) // DAY - days)
    names = order.choice(instruments, count, replace=count > instruments)
    starts = lake.spans[0] + order.integers(most, size=count) * DAY
    return [(int(n), int(start), int(start) + days * DAY) for n, start in zip(names, starts, strict=True)]


def _snapshot(lake: Lake, instruments: int, number: int) -> float:
    """Freeze a year of every instrument -> seconds."""
    from datasets.snapshots import freeze
    from tradenexus import db

    names = [name_of(each) for each in range(instruments)]
    start = max(lake.spans[0], lake.end - 365 * DAY)
    ask = freeze.wanted(f"bench-{number}", names, [TABLE], start, lake.end, grade="AMBER", allow_short=True)
    began = time.perf_counter()
    with db.atomic():
        frozen, _ = freeze.freeze(lake.actor, ask)
    took = time.perf_counter() - began
    assert frozen.entries == instruments
    return took


def _session(lake: Lake, instruments: int) -> tuple[float, int]:
    """Commit one new day of every instrument at once -> (seconds, the child's peak memory)."""
    offers = [lake.offer(number, lake.end, 1440) for number in range(instruments)]
    began = time.perf_counter()
    lake.commit(offers, "session")
    return time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10


def _appends(lake: Lake, appends: int, picks: int) -> dict[str, Any]:
    """Commit a minute of the first instrument again and again; read its last day and that of one left alone in turn.

    The first TIMED start a child each, as ever; the others do its work here, for starting it is most of what they take.
    """
    from datasets.lake import commit

    told: dict[str, Any] = {"before": _last_day(lake, picks), "append_s": []}
    for number in range(appends):
        offers = [lake.offer(0, lake.end + DAY + number * MINUTE, 1)]
        began = time.perf_counter()
        with nullcontext() if number < TIMED else patch.object(commit.executor, "run", _here):
            lake.commit(offers, f"append-{number}")
        if number < TIMED:
            told["append_s"].append(time.perf_counter() - began)
    return told | {"after": _last_day(lake, picks)}


def _here(compute: str, task: str, shares: list[dict[str, Any]], **_: Any) -> list[Any]:
    """Do a child's work in this process."""
    from datasets.lake import building

    def plain(each: Any) -> Any:
        if isinstance(each, dict):
            return {name: plain(value) for name, value in each.items()}
        if isinstance(each, list):
            return [plain(value) for value in each]
        return str(getattr(each, "path", None) or getattr(each, "folder", "")) if is_dataclass(each) else each

    return [building.build(plain(share), lambda told: None) for share in shares]


def _last_day(lake: Lake, count: int) -> dict[str, list[float]]:
    told: dict[str, list[float]] = {"appended": [], "alone": []}
    for number in range(count + 5):
        for side, instrument in (("appended", 0), ("alone", 1)) if number % 2 else (("alone", 1), ("appended", 0)):
            took = lakereads.ours(lake.tenant.id, (instrument, lake.end, lake.end + DAY))["ms"]
            if number >= 5:
                told[side].append(round(took, 3))
    return told


if __name__ == "__main__":
    django.setup()
    print(json.dumps({"reads": reads, "commits": commits}[sys.argv[1]](*map(int, sys.argv[2:]))))
