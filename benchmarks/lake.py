"""The lake beside ArcticDB: 500 instruments x 36 months of minute bars: reads, a snapshot, a commit, appends, pages."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from statistics import median
from typing import Any

import httpx

from benchmarks import figures
from benchmarks.figures import Figure
from benchmarks.installation import Installation
from benchmarks.lists import cpu_ms
from benchmarks.pages import signed_in
from benchmarks.sizes import Sizes

MIB, GIB = 1 << 20, 1 << 30
PAGE_MS = 200
TARGETS = {"day": 0.6, "year": 0.8}
ROWS = "/v1/lake/crypto_bars_1m/SIM:S00007/rows"
API = {
    "entries, API": ("/v1/lake/entries", {"limit": 200}),
    "entries filtered, API": ("/v1/lake/entries", {"q": "S00", "grade": "AMBER", "limit": 200}),
}
PAGES = {
    "catalog page": ("/lakehouse/", {}),
    "catalog page by grade": ("/lakehouse/", {"grade": "RED"}),
    "catalog page by freshness": ("/lakehouse/", {"freshness": "fresh"}),
    "catalog page by vendor and text": ("/lakehouse/", {"vendor": "sim3", "q": "99"}),
    "catalog page by table": ("/lakehouse/", {"table": "crypto_bars_1m"}),
    "board of quality": ("/lakehouse/quality/", {}),
    "codes on the board": ("/lakehouse/quality/_codes/", {}),
}


def measure(sizes: Sizes) -> list[Figure]:
    """Fill a lake beside a running stack and measure through the product's own verbs, its API and its pages."""
    instruments, months, entries, appends, picks = _shape(sizes)
    with Installation() as stack:
        read = _run(stack, "reads", instruments, months, entries, picks)
        days = {"day": ("2022-02-14", "2022-02-15"), "year": ("2022-02-14", "2023-02-14")}
        rows = {
            f"a {what} of rows over HTTP as Arrow": (ROWS, {"start": start, "end": end, "format": "arrow"})
            for what, (start, end) in days.items()
        }
        made = [*_of_reads(read), *_asked(stack, stack.http, rows, sizes.requests, None)]
        told = _run(stack, "commits", instruments, months, appends, picks)
        made += _of_commits(told, instruments, appends)
        made += _asked(stack, stack.http, API, sizes.requests, PAGE_MS)
        made += _asked(stack, signed_in(stack), PAGES, sizes.requests, PAGE_MS)
    return made


def _run(stack: Installation, *words: Any) -> dict[str, Any]:
    told = stack.run("benchmarks.lakerun", *map(str, words)).splitlines()[-1]
    print(told, file=sys.stderr, flush=True)  # a later step may fail, and these took long
    return dict(json.loads(told))


def _of_reads(told: dict[str, Any]) -> list[Figure]:
    """Return the medians of both sides, and the ratio of ours to the peer's; of Arrow, warm, with its target."""
    made = [Figure("bytes of the lake", told["lake_bytes"] / GIB, "GiB", note=f"filled in {told['fill_s']:.0f} s")]
    made.append(Figure("bytes of the same rows in ArcticDB", told["peer_bytes"] / GIB, "GiB"))
    for name, sides in told["reads"].items():
        what = name.split(",")[0]
        label = f"one {name.replace('PYARROW', 'Arrow').replace('PANDAS', 'DataFrame')}"
        ratio = median(sides["ours"]) / median(sides["peer"])
        target = TARGETS[what] if name.endswith("PYARROW") else None
        cpu = median(sides["ours_cpu"]) / median(sides["peer_cpu"])
        worst = [f"{figures.percentile(sides[side], 0.99):.1f}" for side in ("ours", "peer")]
        made += [
            Figure(
                f"{label}: ours / ArcticDB, p50",
                ratio,
                "x",
                target,
                note=f"CPU {cpu:.2f} x; p99 {' and '.join(worst)} ms",
            ),
            *(
                figures.median(
                    f"{label}: {who}", sides[side], "ms", note=f"CPU p50 {median(sides[f'{side}_cpu']):.2f} ms"
                )
                for who, side in (("ours", "ours"), ("ArcticDB", "peer"))
            ),
        ]
    return made


def _of_commits(told: dict[str, Any], instruments: int, appends: int) -> list[Figure]:
    grown, before = (median(told[when]["appended"]) / median(told[when]["alone"]) for when in ("after", "before"))
    return [
        figures.median(f"snapshot of a year of {instruments} instruments", told["snapshot_s"], "s", 1),
        Figure(f"commit of one session, {instruments} instruments", told["commit_s"], "s", 10),
        Figure("the same, memory of the child", told["commit_bytes"] / MIB, "MiB", 512),
        figures.median("a commit of one row", told["append_s"], "s"),
        Figure(
            f"a day's read after {appends} appends / of an instrument without", grown, "x", 1.1,
            note=f"before them {before:.2f}; p50 {median(told['after']['appended']):.2f} ms",
        ),
    ]  # fmt: skip


def _asked(
    stack: Installation, client: httpx.Client, asked: dict[str, Any], requests: int, target: float | None
) -> list[Figure]:
    """Ask for each again and again; return the median of the time to the whole answer, with the server's CPU."""
    server: Callable[[], float] = lambda: cpu_ms(stack.home.read_state()["pids"]["web"])  # noqa: E731
    made = []
    for label, (path, params) in asked.items():
        took, used = [], []
        for number in range(requests // 3 + 2):
            before = server()
            answer = client.get(path, params=params)
            answer.raise_for_status()
            if number >= 2:
                took.append(answer.elapsed.total_seconds() * 1000)
                used.append(server() - before)
        note = f"p95 {figures.percentile(took, 0.95):.0f}, CPU p50 {median(used):.0f} ms"
        made.append(figures.median(f"{label}, p50", took, "ms", target, note=note))
    return made


def _shape(sizes: Sizes) -> tuple[int, int, int, int, int]:
    """Return (instruments, months, entries in all, appends, ranges of a day that are read)."""
    return (500, 36, 10_000, 1_000, 200) if sizes.rows >= 10_000 else (8, 15, 50, 5, 8)
