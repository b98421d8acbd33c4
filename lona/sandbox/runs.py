"""Carries reports from PENDING over EXECUTING and PROCESSING to COMPLETED or FAILED, one at a time, oldest first.

The simulation runs in a child process (`runner`). Every move is an UPDATE of the row from the state it was in, so what
`kill -9` leaves behind is told by the row: PENDING and PROCESSING go on, EXECUTING is run again at start-up.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lona.sandbox.knobs import Knobs
from lona.sandbox.store import Store, timestamp

RUNS_MAX = 5
TURNED_S = 0.1  # a turned knob is looked at this often
LINE_MAX_BYTES = 256 * 1024 * 1024
ROOT = Path(__file__).resolve().parents[2]
FORCED = {
    "timeout": "Timeout: the run took too long",
    "data": "Data {data_id} not found",
    "code": "NameError: name 'undefined_name' is not defined",
    "execution": "Execution error: the run failed",
}
log = logging.getLogger("lona.sandbox.runs")


class Runs:
    """The queue of one sandbox process; `wake` when a report was added."""

    def __init__(self, store: Store, knobs: Knobs) -> None:
        self._store, self._knobs, self._added = store, knobs, asyncio.Event()

    def wake(self) -> None:
        """Look for a report now."""
        self._added.set()

    def recover(self) -> None:
        """Put back what a dead process left in EXECUTING; a report that ended RUNS_MAX processes fails."""
        now, many = timestamp(), f"Execution error: the sandbox ended {RUNS_MAX} times during this run"
        self._store.write(
            "UPDATE report SET status = 'FAILED', progress = NULL, error = ?, updated_at = ?"
            " WHERE status = 'EXECUTING' AND runs >= ?",
            (many, now, RUNS_MAX),
        )
        self._store.write(
            "UPDATE report SET status = 'PENDING', progress = NULL, updated_at = ? WHERE status = 'EXECUTING'", (now,)
        )

    async def work(self) -> None:
        """Carry reports until cancelled; cancelling ends a child that is running and leaves its report EXECUTING."""
        while True:
            self._added.clear()
            row = self._store.one("SELECT * FROM report WHERE status IN ('PENDING', 'PROCESSING') ORDER BY n LIMIT 1")
            if row is None:
                await self._added.wait()
            elif row["status"] == "PROCESSING":
                await self._complete(row["id"])
            else:
                await self._execute(row)

    async def _execute(self, row: sqlite3.Row) -> None:
        waited_s = (datetime.now(UTC) - datetime.fromisoformat(row["created_at"])).total_seconds()
        await self._until_past("pending_seconds", time.monotonic() - waited_s)
        started = time.monotonic()
        self._move(row["id"], "PENDING", "EXECUTING", progress=0.0, runs=row["runs"] + 1)
        outcome = _forced(row) or await self._simulated(row)
        await self._until_past("executing_seconds", started)
        if "error" in outcome:
            self._move(row["id"], "EXECUTING", "FAILED", progress=None, **outcome)
            log.info("report failed", extra={"report_id": row["id"], "reason": outcome["error"][:500]})
        else:
            self._move(row["id"], "EXECUTING", "PROCESSING", progress=0.9, **outcome)
            await self._complete(row["id"])

    async def _complete(self, report_id: str) -> None:
        await self._until_past("processing_seconds", time.monotonic())
        self._move(report_id, "PROCESSING", "COMPLETED", progress=1.0)
        log.info("report completed", extra={"report_id": report_id})

    async def _until_past(self, knob: str, since: float) -> None:
        """Wait as long as the knob says, also when it is turned meanwhile: one long run must not keep all others."""
        while (left_s := getattr(self._knobs, knob) - (time.monotonic() - since)) > 0:
            await asyncio.sleep(min(left_s, TURNED_S))

    def _move(self, report_id: str, old: str, new: str, **values: object) -> None:
        changes = {"status": new, "updated_at": timestamp(), **values}
        columns = ", ".join(f"{name} = ?" for name in changes)
        sql = f"UPDATE report SET {columns} WHERE id = ? AND status = ?"  # noqa: S608 - the names are ours
        self._store.write(sql, (*changes.values(), report_id, old))

    async def _simulated(self, row: sqlite3.Row) -> dict[str, Any]:
        job = self._job(row)
        if isinstance(job, str):
            return {"error": job, "stderr": job}
        try:
            async with asyncio.timeout(self._knobs.run_timeout_seconds):
                return await self._child(row["id"], job)
        except TimeoutError:
            return {"error": f"Timeout: the run took longer than {self._knobs.run_timeout_seconds:g} s"}

    def _job(self, row: sqlite3.Row) -> dict[str, Any] | str:
        strategy = self._store.one("SELECT code, description FROM strategy WHERE id = ?", (row["strategy_id"],))
        request, sources = json.loads(row["request"]), []
        for data_id in request["data_ids"]:
            symbol = self._store.one("SELECT * FROM symbol WHERE id = ? AND deleted_at IS NULL", (data_id,))
            if symbol is None:
                return f"Data {data_id} not found"
            sources.append(self._source(symbol))
        knobs = self._knobs
        limits = {
            "cpu_s": int(knobs.run_timeout_seconds) + 1,
            "memory_bytes": knobs.run_memory_bytes,
            "timeline_max_points": max(3, knobs.timeline_max_points),
            "trades_max": knobs.trades_max,
        }
        assert strategy is not None
        job = {**request, "sources": sources, "limits": limits, "end_inclusive": knobs.end_date_inclusive}
        return {**job, "code": strategy["code"], "description": strategy["description"]}

    def _source(self, symbol: sqlite3.Row) -> dict[str, Any]:
        metadata = json.loads(symbol["metadata"])
        kept = {key: metadata[key] for key in ("frequency", "asset_class")}
        path = str(self._store.files / symbol["file_key"])
        return {"id": symbol["id"], "name": symbol["name"], "path": path, "mapping": metadata["column_mapping"], **kept}

    async def _child(self, report_id: str, job: dict[str, Any]) -> dict[str, Any]:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "lona.sandbox.runner",
            stdin=pipe, stdout=pipe, stderr=pipe, env=_environment(), cwd=ROOT, limit=LINE_MAX_BYTES,
        )  # fmt: skip
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            complaint = asyncio.create_task(process.stderr.read())
            process.stdin.write(json.dumps(job).encode())
            process.stdin.close()
            outcome = await self._listen(report_id, process.stdout)
            status, stderr = await process.wait(), (await complaint).decode(errors="replace")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if outcome is not None:
            return outcome
        log.error("runner broke", extra={"report_id": report_id, "status": status, "stderr": stderr[-4000:]})
        return {"error": f"Execution error: the run's process ended with status {status}", "stderr": ""}

    async def _listen(self, report_id: str, lines: asyncio.StreamReader) -> dict[str, Any] | None:
        stats = None
        async for line in lines:
            if not line.endswith(b"\n"):
                return None  # the child died while it wrote
            if stats is not None:
                return {"total_stats": stats, "result": line.decode().rstrip("\n")}
            said = json.loads(line)
            if "failure" in said:
                return _failure(said)
            if "stats" in said:
                stats = json.dumps(said["stats"])
            else:
                self._move(report_id, "EXECUTING", "EXECUTING", progress=round(0.8 * said["progress"], 3))
        return None


def _failure(said: dict[str, str]) -> dict[str, Any]:
    if said["failure"] == "code":
        return {"error": said["message"], "stderr": said["traceback"]}
    return {"error": f"Execution error: {said['message']}", "stderr": said["message"]}


def _forced(row: sqlite3.Row) -> dict[str, Any] | None:
    kind = row["forced_failure"]
    if kind is None:
        return None
    error = FORCED[kind].format(data_id=json.loads(row["request"])["data_ids"][0])
    trace = f'Traceback (most recent call last):\n  File "strategy.py", line 1, in <module>\n{error}\n'
    return {"error": error, "stderr": trace if kind == "code" else error}


def _environment() -> dict[str, str]:
    # Nothing of ours goes along: no secrets; and one BLAS thread, or numpy reserves memory for every core.
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **threads}
