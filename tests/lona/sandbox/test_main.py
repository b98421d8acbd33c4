"""Starting: what is imported, the lock on the home, refused settings, the log."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.lona.sandbox.process import ROOT

START = [sys.executable, "-m", "lona.sandbox", "--port", "0", "--home"]


def test_the_resting_process_imports_no_heavy_library_and_nothing_of_ours():
    code = "import sys, lona.sandbox.__main__; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = loaded.stdout.split()
    heavy = (
        "numpy",
        "pandas",
        "pyarrow",
        "django",
        "httptools",
        "uvloop",
        "httpx",
        "tradenexus",
        "datasets",
        "backfill",
    )
    assert [name for name in modules if name.split(".")[0] in heavy] == []
    assert [name for name in modules if name.startswith("lona.") and not name.startswith("lona.sandbox")] == []


def test_a_second_process_on_the_same_home_is_refused(sandbox):
    second = subprocess.run([*START, str(sandbox.home)], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert second.returncode == 2
    assert json.loads(second.stderr.splitlines()[-1])["event"] == "cannot start"


def test_a_knob_that_does_not_fit_stops_the_start(tmp_path):
    environment = {"NEXUS_SANDBOX_SYMBOL_MIN_ROWS": "ten"}
    refused = subprocess.run(
        [*START, str(tmp_path / "home")], cwd=ROOT, capture_output=True, text=True, timeout=30, env=environment
    )
    assert refused.returncode == 2
    assert "symbol_min_rows" in refused.stderr


def test_the_log_is_json_lines_without_tokens(sandbox, agent):
    agent.get("/symbols")
    lines = sandbox.lines()
    assert all({"timestamp", "level", "logger", "event"} <= set(line) for line in lines)
    assert any(line.get("path") == "/api/v1/symbols" for line in lines)
    assert agent.headers["X-API-Key"] not in sandbox.log_path.read_text()


def test_the_request_id_of_the_caller_is_logged(sandbox, agent):
    agent.headers["X-Request-Id"] = "req-0815"
    agent.get("/symbols")
    assert any(line.get("request_id") == "req-0815" for line in sandbox.lines())
