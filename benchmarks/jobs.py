"""Jobs through the API: how long validation and candles of the tape run, and how soon a job runs after its POST."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime

from benchmarks.figures import Figure, median, percentile
from benchmarks.installation import Installation, seconds_between
from benchmarks.sizes import Sizes
from tradenexus.stack import tape

SMALL_ROWS = 1_000


def measure(sizes: Sizes) -> list[Figure]:
    """Validate the tape and make candles of it `rounds` times, then ask for many small validations."""
    with Installation() as stack:
        return [*_large(stack, sizes), *_small(stack, sizes)]


def _large(stack: Installation, sizes: Sizes) -> list[Figure]:
    data = sizes.tape().read_bytes()
    took: dict[str, list[float]] = {"upload": [], "validate": [], "candles": []}
    for number in range(sizes.rounds):
        began = time.monotonic()
        dataset = stack.upload(data, f"tape-{number}")
        took["upload"].append(time.monotonic() - began)
        took["validate"].append(_ran(stack, f"/v1/datasets/{dataset}/validate"))
        took["candles"].append(_ran(stack, f"/v1/datasets/{dataset}/transform/candles", frequency="1m"))
    size = f"{sizes.trades:,} trades, {len(data) / 1e6:.0f} MB"
    return [
        median("upload until ingested", took["upload"], "s", note=size),
        median("validate, job started to finished", took["validate"], "s", 5, note=size),
        median("candles 1m, job started to finished", took["candles"], "s", 2, note=size),
    ]


def _ran(stack: Installation, path: str, **body: str) -> float:
    job = stack.ended(stack.post(path, **body)["job"])
    return seconds_between(job["startedAt"], job["finishedAt"])


def _trades(number: int) -> bytes:
    """Return a good small file, another one for each number."""
    lines = (
        f"{(1_704_672_000 + 60 * row) * 10**9},SIMBTC,{row + 1},{42_500 + row % 7 + number},0.5,buy\n"
        for row in range(SMALL_ROWS)
    )
    return tape.HEADER + "".join(lines).encode()


def _small(stack: Installation, sizes: Sizes) -> list[Figure]:
    pauses = random.Random(1)
    latency, ran = [], []
    for number in range(sizes.small_jobs):
        dataset = stack.upload(_trades(number), f"small-{number}")
        time.sleep(pauses.uniform(0.1, 1.5))  # the worker rests between jobs, sometimes longer
        asked = datetime.now(UTC).isoformat()
        job = stack.ended(stack.post(f"/v1/datasets/{dataset}/validate")["job"])
        latency.append(seconds_between(asked, job["startedAt"]))
        ran.append(seconds_between(job["startedAt"], job["finishedAt"]))
    samples = [round(one, 4) for one in latency]
    note = f"{len(latency)} jobs, one after another"
    return [
        Figure("POST to running, p50", percentile(latency, 0.5), "s", 0.5, note=note, samples=samples),
        Figure("POST to running, max", max(latency), "s", 0.5, note=note),
        median("validate 1,000 trades, started to finished", ran, "s", note="what a child costs"),
    ]
