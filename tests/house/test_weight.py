"""What every process of the installation loads: nothing heavy, or each holds it all the time."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.house.tree import ROOT

HEAVY = {"pyarrow", "duckdb", "pandas", "numpy", "exchange_calendars", "boto3", "dask", "jsonschema", "rich"}


@pytest.mark.parametrize("module", ["tradenexus.urls", "tradenexus.asgi", "tradenexus.jobs.watchdog"])
def test_a_resting_process_holds_no_heavy_library(module):
    code = (
        f"import django, json, sys; django.setup(); import {module}; "
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tradenexus.settings"}
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert set(json.loads(run.stdout.splitlines()[-1])) & HEAVY == set()
