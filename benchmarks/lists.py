"""Lists with 10,000 rows each: GETs over HTTP to the running server, with filters and cursors deep into the list.

Beside the time a client waits stands the CPU time of the server per request: it says what a busy machine hides.
"""

from __future__ import annotations

import json
import random
import time
from itertools import chain
from typing import Any

from benchmarks.figures import Figure, percentile
from benchmarks.installation import Installation
from benchmarks.sizes import Sizes

TARGET_MS = 100


def measure(sizes: Sizes) -> list[Figure]:
    """Fill a database, then ask each list again and again in shuffled order; return p95 with p50 beside it."""
    with Installation() as stack:
        known = json.loads(stack.run("benchmarks.filling", str(sizes.rows)).splitlines()[-1])
        asked = _asked(stack, known, sizes)
        took: dict[str, list[float]] = {label: [] for label in asked}
        used: dict[str, list[float]] = {label: [] for label in asked}
        server = stack.home.read_state()["pids"]["web"]
        order = random.Random(1)
        for _ in range(sizes.requests):
            for label in order.sample(sorted(asked), len(asked)):
                before = cpu_ms(server)
                took[label].append(_get(stack, *asked[label])[0] * 1000)
                used[label].append(cpu_ms(server) - before)
    figures = [_figure(label, took[label], used[label]) for label in asked]
    return [_figure("all lists together", list(chain(*took.values())), list(chain(*used.values()))), *figures]


def cpu_ms(pid: int) -> float:
    """Return the CPU time of another process so far in ms, ended threads included (Linux: clock_getcpuclockid)."""
    return time.clock_gettime((~pid << 3) | 2) * 1000


def _figure(label: str, samples: list[float], used: list[float]) -> Figure:
    note = f"p50 {percentile(samples, 0.5):.0f}, CPU p50 {percentile(used, 0.5):.0f}, p95 {percentile(used, 0.95):.0f}"
    note += f" ms, {len(samples)} requests"
    return Figure(f"{label}, p95", percentile(samples, 0.95), "ms", TARGET_MS, note=note)


def _asked(stack: Installation, known: dict[str, str], sizes: Sizes) -> dict[str, tuple[str, dict[str, Any]]]:
    middle = sizes.rows // 2
    lists: dict[str, tuple[str, dict[str, Any]]] = {
        "datasets": ("/v1/datasets", {}),
        "datasets by name": ("/v1/datasets", {"sort": "name"}),
        "versions of one dataset": (f"/v1/datasets/{known['dataset']}/versions", {}),
        "jobs": ("/v1/jobs", {}),
        "audit": ("/v1/audit", {}),
        "uploads": ("/v1/uploads", {}),
        "publications": ("/v1/publications", {}),
        "backtests": ("/v1/backtests", {}),
    }
    asked = dict(lists)
    for label, (path, params) in lists.items():
        asked[f"{label}, deep"] = (path, {**params, **_deep(stack, path, params, middle)})
    return asked | {
        "datasets, 200 a page": ("/v1/datasets", {"limit": 200}),
        "datasets?state=ready&kind=bars": ("/v1/datasets", {"state": "ready,published_lona", "kind": "bars"}),
        "datasets?symbol=": ("/v1/datasets", {"symbol": "SYM123"}),
        "datasets?vendor=": ("/v1/datasets", {"vendor": "vendor 07"}),
        "datasets?resolution=&assetClass=": ("/v1/datasets", {"resolution": "1d", "assetClass": "crypto"}),
        "datasets?q= (rare)": ("/v1/datasets", {"q": f"{middle:05d}"}),
        "datasets?q= (none)": ("/v1/datasets", {"q": "no such name"}),
        "jobs?state=failed": ("/v1/jobs", {"state": "failed"}),
        "jobs?state=queued (none)": ("/v1/jobs", {"state": "queued"}),
        "jobs?kind= (none)": ("/v1/jobs", {"kind": "dataset.candles"}),
        "jobs?subject=": ("/v1/jobs", {"subject": known["version"]}),
        "audit?object=": ("/v1/audit", {"object": known["version"]}),
        "audit?actor=": ("/v1/audit", {"actor": known["user"]}),
        "overview": ("/v1/overview", {}),
        "search by name": ("/v1/search", {"q": f"series {middle:05d}"}),
        "search by symbol": ("/v1/search", {"q": "SYM123"}),
        "search, nothing found": ("/v1/search", {"q": "no such thing"}),
        "search by id": ("/v1/search", {"q": known["version"]}),
    }


def _deep(stack: Installation, path: str, params: dict[str, Any], rows: int) -> dict[str, str]:
    """Walk to the middle of a list and return the cursor there."""
    cursor: dict[str, str] = {}
    for _ in range(rows // 200):
        following = _get(stack, path, {**params, **cursor, "limit": 200})[1]["nextCursor"]
        if not following:
            break
        cursor = {"cursor": following}
    return cursor


def _get(stack: Installation, path: str, params: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    began = time.perf_counter()
    answer = stack.http.get(path, params=params)
    took = time.perf_counter() - began
    answer.raise_for_status()
    return took, answer.json()
