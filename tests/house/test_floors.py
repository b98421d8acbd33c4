"""Imports go down only: the contracts of importlinter.ini hold."""

import subprocess
import sys
from pathlib import Path

from tests.house import tree


def test_import_contracts_hold():
    linter = Path(sys.executable).with_name("lint-imports")
    command = [linter, "--config", "importlinter.ini", "--no-cache"]
    run = subprocess.run(command, cwd=tree.ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
