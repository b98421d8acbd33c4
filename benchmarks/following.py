"""From `complete` to the report of a slow upload: with what was validated while it came in, and without.

One body of `followed_bytes` at 20 MB/s; the wait is that of a client: complete, then validate, then the report.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from benchmarks.figures import Figure, median
from benchmarks.installation import TUS, Installation
from benchmarks.sizes import Sizes

SPEED = 20e6  # bytes a second
_STEP_BYTES = 1 << 18
_ROW_BYTES = 46
WAYS = {"with what was read while it came": "30", "without": "0"}


def measure(sizes: Sizes) -> list[Figure]:
    """Send the same file `rounds` times to a stack that follows uploads and to one that does not, one after another."""
    data = trades(sizes.followed_bytes // _ROW_BYTES)
    told, middle = [], []
    for name, wait in WAYS.items():
        with Installation(NEXUS_FOLLOW_WAIT_S=wait) as stack:
            seen = [_once(stack, data) for _ in range(sizes.rounds)]
        note = f"{len(data) / 1e6:.0f} MB CSV, sent in {max(sent for sent, _, _ in seen):.1f} s at most"
        reused = sum(taken for _, _, taken in seen)
        told.append(median(f"complete to report, {name}", [took for _, took, _ in seen], "s",
                           note=f"{note}, taken over {reused} of {len(seen)} times"))  # fmt: skip
        middle.append(told[-1].value)
    return [*told, Figure("without / with", middle[1] / middle[0], "x")]


def trades(rows: int) -> bytes:
    """Return a CSV of trades of four instruments in order."""
    random, out = np.random.default_rng(11), io.BytesIO()
    names = pa.array([f"C{number}-USD" for number in range(4)])
    columns = {
        "timestamp": 1_700_000_000_000 + np.arange(rows) * 5,
        "symbol": names.take(pa.array(np.arange(rows) % 4)),
        "price": np.round(100 + random.normal(0, 1, rows).cumsum() / 1000, 2),
        "size": np.round(random.random(rows) + 0.001, 3),
        "trade_id": np.arange(rows) + 1,
    }
    pacsv.write_csv(pa.table(columns), out, pacsv.WriteOptions(quoting_style="none"))
    return out.getvalue()


def _once(stack: Installation, data: bytes) -> tuple[float, float, bool]:
    """Send it -> (seconds it took to send, from `complete` to the report, whether something was taken over)."""
    said = {"filename": "tape.csv", "contentType": "text/csv", "sizeBytes": len(data), "name": "slow", "venue": "SIM"}
    opened = stack.post("/v1/datasets/uploads:init", **said)
    digest, began = hashlib.sha256(data).hexdigest(), time.monotonic()
    sent = stack.http.patch(opened["uploadUrl"], content=_slowly(data), headers={**TUS, "Upload-Offset": "0"})
    sent.raise_for_status()
    ended = time.monotonic()
    done = stack.post(f"/v1/datasets/{opened['datasetId']}/uploads:complete", sha256=digest)
    stack.ended(done["job"])
    job = stack.ended(stack.post(f"/v1/datasets/{opened['datasetId']}/validate")["job"])
    stack.http.get(f"/v1/datasets/{opened['datasetId']}/quality-report").raise_for_status()
    took = time.monotonic() - ended
    return ended - began, took, "reused from provisional scan" in stack.http.get(job["links"]["log"]).text


def _slowly(data: bytes) -> Iterator[bytes]:
    began = time.monotonic()
    for at in range(0, len(data), _STEP_BYTES):
        time.sleep(max(0.0, began + at / SPEED - time.monotonic()))
        yield data[at : at + _STEP_BYTES]
