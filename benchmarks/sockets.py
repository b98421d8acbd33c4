"""Live events: 500 open sockets, 20 events a second; how late each arrives and what it costs the server.

The events are written by another process, as a worker writes them; Redis wakes the server (BENCH_REDIS names it).
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from websockets.asyncio.client import connect

from benchmarks.figures import Figure, percentile
from benchmarks.installation import ROOT, Installation
from benchmarks.sizes import Sizes
from tradenexus.stack import kernel

REDIS = os.environ.get("BENCH_REDIS", "redis://127.0.0.1:6379/14")
TICK = "bench.tick"
RATE = 20
WRITER = f"""
import sys, time, uuid, django; django.setup()
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.events import outbox
from tradenexus.tenancy.models import Tenant
who = Actor(tenant_id=Tenant.objects.get().id, user_id=None, request_id="bench")
began = time.monotonic()
for number in range(int(sys.argv[1])):
    time.sleep(max(0.0, began + number / {RATE} - time.monotonic()))
    with db.atomic():
        outbox.record(who, "{TICK}", f"tick_{{number}}", data={{"sent": time.time()}})
"""


def measure(sizes: Sizes) -> list[Figure]:
    """Open the sockets, have the events written, and return how late they came and the CPU of the server meanwhile."""
    with Installation(REDIS_URL=REDIS) as stack:
        return asyncio.run(_watched(stack, sizes))


async def _watched(stack: Installation, sizes: Sizes) -> list[Figure]:
    web = int(stack.home.read_state()["pids"]["web"])
    url = stack.url.replace("http", "ws").rstrip("/") + "/ws/events"
    late: list[float] = []
    gate = asyncio.Semaphore(20)  # handshakes at a time
    opened = [asyncio.create_task(_watch(url, stack.key, gate, sizes.ticks, late)) for _ in range(sizes.sockets)]
    ready = [await task for task in opened]
    began, cpu = time.monotonic(), _cpu_s(web)
    writer = _writer(stack, sizes.ticks)
    await asyncio.wait_for(asyncio.gather(*ready), 120 + sizes.ticks / RATE * 4)
    took, used = time.monotonic() - began, _cpu_s(web) - cpu
    writer.wait(30)
    note = f"{sizes.sockets} sockets, {sizes.ticks} events, {len(late):,} delivered of {sizes.sockets * sizes.ticks:,}"
    return [
        Figure("event written to received, p50", percentile(late, 0.5) * 1000, "ms", note=note),
        Figure("event written to received, p99", percentile(late, 0.99) * 1000, "ms", 100, note=note),
        Figure("CPU of the server", used / took, "cores", 1, note="the watchers ran beside it on the same machine"),
    ]


async def _watch(url: str, key: str, gate: asyncio.Semaphore, ticks: int, late: list[float]) -> asyncio.Task[None]:
    """Open a socket; the task that is returned ends when it has seen all events."""
    async with gate:
        socket = await connect(url, additional_headers={"Authorization": f"Bearer {key}"}, compression=None)
        await socket.recv()  # hello

    async def listen() -> None:
        seen = 0
        async for message in socket:
            told = json.loads(message)
            if told.get("type") == TICK:
                late.append(time.time() - told["sent"])
                seen += 1
                if seen == ticks:
                    break
        await socket.close()

    return asyncio.create_task(listen())


def _writer(stack: Installation, ticks: int) -> subprocess.Popen[bytes]:
    env = {**stack.env, "NEXUS_HOME": str(stack.folder), "DJANGO_SETTINGS_MODULE": "tradenexus.settings"}
    command = [sys.executable, "-c", WRITER, str(ticks)]
    return subprocess.Popen(command, env=env, cwd=ROOT, preexec_fn=kernel.die_with_parent)


def _cpu_s(pid: int) -> float:
    cells = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(cells[11]) + int(cells[12])) / os.sysconf("SC_CLK_TCK")
