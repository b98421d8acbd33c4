"""The lake: 500 instruments x 36 months of minute bars: reads of a day and a year, a session's commit, appends."""

from __future__ import annotations

import json
from statistics import median

from benchmarks.figures import Figure
from benchmarks.installation import Installation
from benchmarks.lists import cpu_ms
from benchmarks.sizes import Sizes

MIB = 1 << 20


def measure(sizes: Sizes) -> list[Figure]:
    """Fill a lake beside a running stack and measure through the product's own verbs and its API."""
    with Installation() as stack:
        told = json.loads(stack.run("benchmarks.lakefill", *map(str, _shape(sizes))).splitlines()[-1])
        server, took, used = stack.home.read_state()["pids"]["web"], [], []
        for _ in range(sizes.requests):
            before = cpu_ms(server)
            answer = stack.http.get("/v1/lake/entries", params={"limit": 200})
            answer.raise_for_status()
            took.append(answer.elapsed.total_seconds() * 1000)
            used.append(cpu_ms(server) - before)
    grown = told["after_appends_ms"] / told["before_appends_ms"]
    return [
        Figure("one day of minute bars, p50", median(told["day_ms"]), "ms", note="read into Arrow, warm"),
        Figure("one year of minute bars, p50", median(told["year_ms"]), "ms", note="read into Arrow, warm"),
        Figure(f"commit of one session, {told['instruments']} instruments", told["commit_s"], "s", 10),
        Figure("the same, memory of the child", told["commit_bytes"] / MIB, "MiB", 512),
        Figure(f"reads of a day after {told['appends']} appends / before", grown, "x", 1.1),
        Figure(
            f"page of the catalog, {told['entries']} entries, p50",
            median(took),
            "ms",
            200,
            note=f"CPU p50 {median(used):.0f} ms",
        ),
    ]


def _shape(sizes: Sizes) -> tuple[int, int, int, int]:
    """Return (instruments, months, entries in all, appends)."""
    return (500, 36, 10_000, 1_000) if sizes.rows >= 10_000 else (4, 3, 50, 5)
