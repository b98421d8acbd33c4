"""A resting worker stays small: the kinds of this app load no reader."""

import os
import subprocess
import sys

from tradenexus.jobs import registry


def test_the_kinds_can_be_registered_without_a_reader():
    code = (
        "import django, sys; django.setup(); import backfill.tasks; "
        "sys.exit(bool({'pyarrow', 'numpy', 'pandas', 'duckdb', 'exchange_calendars'} & set(sys.modules)))"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tradenexus.settings"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_a_job_fetches_and_commits_without_loading_a_reader():
    code = (
        "import django, sys; django.setup(); import backfill.ingestion.carrying, backfill.vendors.registry as known; "
        "known.listed(); "
        "sys.exit(bool({'pyarrow', 'pandas', 'duckdb', 'exchange_calendars'} & set(sys.modules)))"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tradenexus.settings"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_the_kinds_are_known_by_what_they_do():
    assert registry.label("backfill.ingest") == "Fetch from a vendor into the lake"
    assert registry.find("backfill.ingest").heavy
