"""What is offered is described without loading what reads it."""

import os
import subprocess
import sys


def test_the_door_can_be_imported_without_a_reader():
    code = (
        "import django, sys; django.setup(); import datasets.lake.commit, datasets.lake.scan; "
        "sys.exit(bool({'pyarrow', 'duckdb', 'pandas', 'exchange_calendars'} & set(sys.modules)))"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "tradenexus.settings"}
    assert subprocess.run([sys.executable, "-c", code], env=os.environ | environment, check=False).returncode == 0
