"""A fake platform, a home of its own for every test, and two ways to run `nexus`: in this process and as a real one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import stamina
from typer.testing import CliRunner

from tests.kit.fakeplatform import TOKEN, FakePlatform
from tradenexus.cli.main import app

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Ran:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout as JSON."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The last line of stderr as the error envelope."""
        return json.loads(self.err.strip().splitlines()[-1])["error"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, a folder to stand in, and quick retries."""
    here = tmp_path / "here"
    here.mkdir()
    for name in [name for name in os.environ if name.startswith("NEXUS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("NEXUS_NO_KEYRING", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.chdir(here)
    return here


@pytest.fixture(autouse=True)
def quick():
    """Retry at once."""
    stamina.set_testing(True, attempts=8)
    yield
    stamina.set_testing(False)


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch):
    """A fake platform that the environment points to; it must have nothing to complain of."""
    with FakePlatform() as server:
        monkeypatch.setenv("NEXUS_URL", server.url)
        monkeypatch.setenv("NEXUS_TOKEN", TOKEN)
        yield server
        assert server.problems == []


@pytest.fixture
def nexus():
    """Run a command in this process."""

    def run(*words: Any, given: str | None = None) -> Ran:
        result = CliRunner().invoke(app, [str(word) for word in words], input=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def process():
    """Run a command as a process of its own."""

    def run(*words: Any, given: str = "") -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "tradenexus.cli", *map(str, words)],
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def trades(home: Path) -> Path:
    """A small file of trades."""
    path = home / "btc.csv"
    path.write_text("time,price,size\n" + "".join(f"{n},1.{n:02},2\n" for n in range(2000)))
    return path
