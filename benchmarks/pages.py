"""Pages with a long history behind them: each as a signed-in browser asks for it, whole, and of a version of many rows.

Beside the time a client waits stands the CPU time of the server per request: it says what a busy machine hides.
"""

from __future__ import annotations

import json
import random
import time

import httpx

from benchmarks.figures import Figure, percentile
from benchmarks.installation import Installation
from benchmarks.lists import cpu_ms
from benchmarks.sizes import Sizes

TARGET_MS, LARGE_TARGET_MS = 200, 500
TABS = ("", "preview/", "chart/", "coverage/", "quality/", "lineage/", "versions/", "publish/", "activity/")
PLAIN = {
    "home": "/",
    "home's datasets": "/datasets/_home/",
    "home's uploads": "/uploads/_home/",
    "home's jobs": "/jobs/_home/",
    "home's backtests": "/backtests/_home/",
    "datasets": "/datasets/",
    "datasets, failed": "/datasets/?state=validation_failed",
    "datasets, searched": "/datasets/?q=05000",
    "uploads": "/uploads/",
    "upload wizard": "/uploads/new/",
    "jobs": "/jobs/",
    "jobs, failed": "/jobs/?state=failed",
    "publishes": "/publishes/",
    "mapping": "/publishes/mapping/",
    "backtests": "/backtests/",
    "audit": "/audit/",
    "search": "/search/?q=SYM123",
    "settings": "/settings/profile/",
    "keys": "/settings/keys/",
}


def measure(sizes: Sizes) -> list[Figure]:
    """Fill a database, send a long tape, then open each page again and again in shuffled order; return p95 of each."""
    with Installation() as stack:
        known = json.loads(
            stack.run("benchmarks.filling", *map(str, (sizes.rows, sizes.jobs, sizes.entries))).splitlines()[-1]
        )
        large = _large(stack, sizes)
        browser = signed_in(stack)
        asked = _asked(stack, known, large)
        server = stack.home.read_state()["pids"]["web"]
        took: dict[str, list[float]] = {label: [] for label in asked}
        used: dict[str, list[float]] = {label: [] for label in asked}
        order = random.Random(1)
        for number in range(sizes.requests // 2 + 1):
            for label in order.sample(sorted(asked), len(asked)):
                before, began = cpu_ms(server), time.perf_counter()
                answer = browser.get(asked[label][0])
                if answer.status_code != 200:
                    raise RuntimeError(f"{label}: {asked[label][0]} answered {answer.status_code}")
                if number:  # the first round fills what is kept for the next
                    took[label].append((time.perf_counter() - began) * 1000)
                    used[label].append(cpu_ms(server) - before)
    return [_figure(label, took[label], used[label], asked[label][1]) for label in asked]


def _figure(label: str, samples: list[float], used: list[float], target: int) -> Figure:
    note = f"p50 {percentile(samples, 0.5):.0f}, CPU p50 {percentile(used, 0.5):.0f}, p95 {percentile(used, 0.95):.0f}"
    return Figure(f"{label}, p95", percentile(samples, 0.95), "ms", target, note=f"{note} ms, {len(samples)} requests")


def _large(stack: Installation, sizes: Sizes) -> str:
    """Take the long tape in and validate it; return the dataset's id."""
    dataset = stack.upload(sizes.tape(sizes.large).read_bytes(), "long tape")
    stack.ended(stack.post(f"/v1/datasets/{dataset}/validate")["job"])
    return dataset


def signed_in(stack: Installation) -> httpx.Client:
    browser = httpx.Client(base_url=stack.url, timeout=60, follow_redirects=True)
    link = stack.home.sign_in_file.read_text().strip()
    browser.get(link)
    token = next(cookie.value for cookie in browser.cookies.jar if "csrf" in cookie.name)
    browser.post(link, data={"csrfmiddlewaretoken": token}, headers={"Referer": link}).raise_for_status()
    return browser


def _asked(stack: Installation, known: dict[str, str], large: str) -> dict[str, tuple[str, int]]:
    asked = {label: (path, TARGET_MS) for label, path in PLAIN.items()}
    for label, path in (("job", "jobs"), ("publication", "publications"), ("backtest", "backtests")):
        page = {"publication": "publishes"}.get(label, path)
        asked[label] = (f"/{page}/{stack.http.get(f'/v1/{path}?limit=1').json()['items'][0]['id']}/", TARGET_MS)
    for tab in ("", "versions/", "lineage/", "publish/", "activity/"):
        asked[f"dataset of many versions, {tab.strip('/') or 'overview'}"] = (
            f"/datasets/{known['dataset']}/{tab}",
            TARGET_MS,
        )
    for tab in TABS:
        target = LARGE_TARGET_MS if tab in ("preview/", "chart/") else TARGET_MS
        asked[f"version of many rows, {tab.strip('/') or 'overview'}"] = (f"/datasets/{large}/{tab}", target)
    for data in ("preview", "chart"):
        asked[f"{data} of many rows, API"] = (f"/v1/datasets/{large}/{data}", LARGE_TARGET_MS)
    return asked
