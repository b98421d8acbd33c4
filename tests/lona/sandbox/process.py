"""A sandbox process for tests: started on a free port, spoken to over HTTP, killed or ended at will."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from json import dumps
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[3]
SECRET = "registration-secret-of-the-tests"
FAST = {"PENDING_SECONDS": "0", "EXECUTING_SECONDS": "0", "PROCESSING_SECONDS": "0", "REGISTRATION_SECRET": SECRET}


class Sandbox:
    """One running `python -m lona.sandbox`; `log` collects its JSON lines in a file beside its home."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home, self.log_path = home, home.with_suffix(".log")
        knobs = {f"NEXUS_SANDBOX_{name}": value for name, value in {**FAST, **environment}.items()}
        self._environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **knobs}
        self.start()

    def start(self, port: int = 0) -> None:
        """Start the process (0: on a free port) and wait for its first log line, which names the port."""
        offset = self.log_path.stat().st_size if self.log_path.exists() else 0
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lona.sandbox", "--port", str(port), "--home", str(self.home)],
                stderr=log, env=self._environment, cwd=ROOT,
            )  # fmt: skip
        self.url = f"http://127.0.0.1:{self._port(offset)}"
        self.client = httpx.Client(base_url=self.url, timeout=30)
        wait_for(self._healthy, "the sandbox to answer")

    def lines(self) -> list[dict[str, Any]]:
        """Return all log lines so far."""
        return [json.loads(line) for line in self.log_path.read_text().splitlines()]

    def kill(self) -> None:
        """End the process as a power cut does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask the process to end and return its exit status."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)

    def knobs(self, **values: object) -> None:
        """Turn knobs."""
        self.client.put("/_sandbox/knobs", json=values).raise_for_status()

    def fault(self, match: str, kind: str, **more: object) -> None:
        """Let a fault wait for its request."""
        answer = self.client.post("/_sandbox/faults", json={"match": match, "kind": kind, **more})
        assert answer.status_code == 201, answer.text

    def state(self) -> dict[str, Any]:
        """Look inside."""
        return self.client.get("/_sandbox/state").json()

    def _port(self, offset: int) -> int:
        def listening() -> int | None:
            for line in self.log_path.read_text()[offset:].splitlines():
                if '"listening"' in line:
                    return json.loads(line)["port"]
            assert self.process.poll() is None, self.log_path.read_text()
            return None

        return wait_for(listening, "the port")

    def _healthy(self) -> bool:
        try:
            return self.client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False


class Agent:
    """A registered caller: `get`, `post`, `delete` below /api/v1 with its credentials."""

    def __init__(self, sandbox: Sandbox, agent_id: str) -> None:
        self.sandbox, self.id = sandbox, agent_id
        body = {"agent_id": agent_id, "agent_name": agent_id, "source": "tests"}
        shown = {"X-Agent-Registration-Secret": SECRET}
        answer = sandbox.client.post("/api/v1/agents/register", json=body, headers=shown)
        assert answer.status_code == 200, answer.text
        self.headers = {"X-API-Key": answer.json()["data"]["token"], "X-User-Id": agent_id}

    def call(self, method: str, path: str, extra: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        """Send one request."""
        headers = {**self.headers, **(extra or {})}
        return self.sandbox.client.request(method, f"/api/v1{path}", headers=headers, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        """Send a GET."""
        return self.call("GET", path, **more)

    def post(self, path: str, json: Any) -> httpx.Response:
        """Send a POST with a JSON body."""
        # ASCII with escapes, so that a test may send what no UTF-8 text can hold.
        headers = {"Content-Type": "application/json"}
        return self.call("POST", path, content=dumps(json), extra=headers)

    def upload(self, name: object, text: str | bytes, **metadata: object) -> httpx.Response:
        """Send a symbol."""
        form = {"metadata": json.dumps({**metadata_of(name), **metadata})}
        return self.call("POST", "/symbols", files={"file": ("data.csv", text, "text/csv")}, data=form)

    def symbol(self, name: str, text: str, **metadata: object) -> str:
        """Send a symbol and return its id."""
        answer = self.upload(name, text, **metadata)
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]["id"]

    def strategy(self, description: str = "buy_and_hold for ever") -> str:
        """Create a strategy and return its id."""
        answer = self.post("/agent/strategy/create", {"description": description})
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]["strategyId"]

    def run(self, strategy_id: str, *data_ids: str, **more: object) -> str:
        """Start a run over 2024 and return the report's id."""
        body = {"strategy_id": strategy_id, "data_ids": data_ids, "start_date": "2024-01-01", "end_date": "2024-12-31"}
        answer = self.post("/runner/run", {**body, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]["report_id"]

    def finished(self, report_id: str) -> dict[str, Any]:
        """Wait for the end of a run and return its full report."""

        def ended() -> bool:
            return self.get(f"/reports/{report_id}/status").json()["data"]["status"] in ("COMPLETED", "FAILED")

        wait_for(ended, "the report")
        return self.get(f"/reports/{report_id}/full").json()["data"]


def wait_for(probe: Any, what: str, seconds: float = 30.0) -> Any:
    """Call `probe` until it answers something true; fails naming `what`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := probe():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds:g} s for {what}")


def metadata_of(name: object) -> dict[str, Any]:
    """Return complete metadata of a daily symbol."""
    columns = ("timestamp", "open", "high", "low", "close", "volume")
    return {
        "data_type": "ohlcv",
        "name": name,
        "exchange": "TEST",
        "asset_class": "equity",
        "quote_currency": "USD",
        "column_mapping": {column: column for column in columns},
        "frequency": "1d",
        "timezone": "UTC",
        "description": "made for a test",
    }


def csv_of(closes: list[float], first_day: int = 1) -> str:
    """Return a daily CSV of January 2024 with open = the close before, high and low one off."""
    rows, before = ["timestamp,open,high,low,close,volume"], closes[0]
    for day, close in enumerate(closes, first_day):
        rows.append(f"2024-01-{day:02d} 00:00:00,{before},{max(before, close) + 1},{min(before, close) - 1},{close},10")
        before = close
    return "\n".join(rows) + "\n"
