"""The named places of death: all are listed, the armed one kills at its pass, and production has none."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.house.tree import APPS, ROOT, python
from tradenexus import failpoints

FAMILIES = (
    "uploads|follow|join|ingest|ingestion|jobs|fix|storage|lake|features|diff|snapshots|exports|gc|scrub|backup|"
    "restore|repair"
)
LISTED = set(re.findall(rf"\b(?:{FAMILIES})\.[a-z_]+", failpoints.__doc__ or ""))
KILLED_IN = (
    "datasets/lake/test_kills.py",
    "datasets/lake/test_fulldiff_kills.py",
    "datasets/snapshots/test_kills.py",
    "datasets/exports/test_kills.py",
    "datasets/features/test_kills.py",
    "datasets/maintenance/test_kills.py",
    "backfill/ingestion/test_kills.py",
    "backfill/repair/test_kills.py",
    "datasets/uploads/test_following_kills.py",
    "datasets/uploads/test_kills.py",
    "datasets/transforms/test_kills.py",
    "datasets/uploads/test_shipping_kills.py",
    "tradenexus/jobs/test_watchdog.py",
)
TWICE = "from tradenexus import failpoints\nfor _ in range(2): failpoints.hit('a.place'); print('alive')"


def test_every_place_is_listed_where_one_looks_for_it():
    placed = set()
    for path in python(*APPS):
        placed |= set(re.findall(r'failpoints\.hit\("([a-z_.]+)"\)', path.read_text()))
    assert placed == LISTED


def test_at_every_place_something_is_killed():
    """Each of these tests fails unless a process says that it dies there."""
    armed = set()
    for name in KILLED_IN:
        armed |= set(re.findall(r'"([a-z_]+\.[a-z_]+)(?::\d+)?"', (ROOT / "tests" / name).read_text()))
    assert LISTED - armed == set()


@pytest.mark.parametrize(
    ("armed", "status", "alive"),
    [("a.place", -signal.SIGKILL, 0), ("a.place:2", -signal.SIGKILL, 1), ("a.place:3", 0, 2), ("another", 0, 2)],
)
def test_the_armed_place_kills_at_its_pass(armed, status, alive):
    assert passed(NEXUS_FAIL_AT=armed) == (status, alive)


def test_production_has_no_such_place():
    assert passed(NEXUS_FAIL_AT="a.place", NEXUS_ENV="production") == (0, 2)


def passed(**settings: str) -> tuple[int, int]:
    """Pass the place twice in a process of its own; return its status and how often it lived on."""
    done = subprocess.run([sys.executable, "-uc", TWICE], env={**os.environ, **settings}, cwd=ROOT, capture_output=True)
    return done.returncode, done.stdout.count(b"alive")
