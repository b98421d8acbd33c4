"""Names of sessions: those of the library, told without loading it."""

import subprocess
import sys

import exchange_calendars
import pytest

from datasets.market import sessions


def test_the_calendars_are_those_of_the_library():
    assert set(exchange_calendars.get_calendar_names(include_aliases=True)) == sessions.CALENDARS


@pytest.mark.parametrize("name", ["XNYS", "NYSE", "24/7", "24/5", "us_futures", "UTC", "Europe/Berlin", "Asia/Kolkata"])
def test_calendars_and_zones_exist(name):
    assert sessions.exists(name)
    assert sessions.is_zone(name) == (name in ("UTC", "Europe/Berlin", "Asia/Kolkata"))


@pytest.mark.parametrize("name", ["XXXX", "xnys", "Moon/Base", "../etc/passwd", "/etc/passwd", "a\0/b", "Europe/", ""])
def test_other_names_do_not(name):
    assert not sessions.exists(name)


def test_checking_a_request_loads_no_calendar_library():
    code = "import sys; from datasets.transforms import registry; registry.check_session('XNYS'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"exchange_calendars", "pandas", "numpy"} & set(loaded)
