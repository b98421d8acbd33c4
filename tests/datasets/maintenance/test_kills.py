"""kill -9 at each step of a commit, a collection and a scrub: readers see old or new, fsck finds nothing wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from datasets.maintenance import backup, restore
from tests.datasets.maintenance.deeds import FIRST, SECOND
from tests.house.tree import ROOT

COMMIT = {"lake.segment_put": FIRST, "lake.stored": FIRST, "lake.swapping": FIRST, "lake.swapped": SECOND}
COLLECT = ["gc.revisions", "gc.retired", "gc.row_deleted", "gc.blob_deleted", "gc.orphan_deleted"]
SCRUB, FILE = "scrub.marked", "scrub.file_marked"
BACKUP = {"backup.blobs": 0, "backup.written": 0, "backup.named": 1}
RESTORE = ["restore.blob", "restore.database"]
ITS_OWN = {"DATABASE_URL", "REDIS_URL", "NEXUS_SECRET_KEY"}


def do(home, *deeds, at="") -> dict:
    """Do deeds in a process; it must die at `at` when that is given. Return what `look` says."""
    environment = {name: value for name, value in os.environ.items() if name not in ITS_OWN}
    environment |= {"NEXUS_HOME": str(home), "NEXUS_FAIL_AT": at}
    environment["DJANGO_SETTINGS_MODULE"] = "tradenexus.settings"
    command = [sys.executable, "-m", "tests.datasets.maintenance.deeds", *deeds]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if at:
        assert (done.returncode, f"killed at {at}" in done.stderr) == (-signal.SIGKILL, True), done.stderr
        return {}
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]) if "look" in deeds else {}


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """An installation with one revision."""
    home = tmp_path_factory.mktemp("calm") / "home"
    home.mkdir()
    do(home, "setup")
    return home


@pytest.fixture
def home(calm, tmp_path):
    """A copy of it, for one test."""
    return shutil.copytree(calm, tmp_path / "home")


@pytest.mark.parametrize("step", COMMIT)
def test_a_commit_killed_at_a_step_is_seen_whole_or_not_at_all(home, step):
    do(home, "commit", at=step)
    seen = do(home, "look")
    assert (seen["closes"], seen["dangling"], seen["catalog"]) == (COMMIT[step], 0, 0)
    assert do(home, "commit", "look") | {"files": 0} == seen | {
        "closes": SECOND,
        "revision": 2,
        "segments": 2,
        "files": 0,
    }
    swept = do(home, "gc", "look")
    assert (swept["closes"], swept["dangling"], swept["files"]) == (SECOND, 0, 0)


@pytest.mark.parametrize("step", COLLECT)
def test_a_collection_killed_at_a_step_loses_nothing_and_is_ended_by_the_next(home, step):
    do(home, "commit", "age")
    do(home, "gc", at=step)
    seen = do(home, "look")
    assert (seen["closes"], seen["dangling"], seen["catalog"]) == (SECOND, 0, 0)
    ended = do(home, "gc", "gc", "look")
    assert (ended["closes"], ended["dangling"], ended["catalog"]) == (SECOND, 0, 0)
    assert (ended["files"], ended["segments"], ended["oldest"]) == (0, 1, 2)


def test_a_scrub_killed_before_its_commit_tells_of_the_damage_the_next_time(home):
    do(home, "flip")
    do(home, "scrub", at=SCRUB)
    assert (seen := do(home, "look"))["red"] == seen["told"] == 0
    seen = do(home, "scrub", "look")
    assert (seen["red"], seen["told"], seen["dangling"], seen["closes"]) == (3, 1, 1, None)


def test_the_damage_of_another_file_is_told_of_the_next_time_too(home):
    do(home, "flip_held")
    do(home, "scrub", at=FILE)
    assert do(home, "look")["told"] == 0
    seen = do(home, "scrub", "scrub", "look")
    assert (seen["told"], seen["dangling"]) == (1, 1)


@pytest.mark.parametrize("step", BACKUP)
def test_a_backup_killed_at_a_step_is_there_whole_or_not_at_all(home, step):
    do(home, "backup", at=step)
    there = backup.all_in(home.parent / "backups")
    assert len(there) == BACKUP[step]
    assert all(restore.verify(each)["files"] == 1 for each in there)
    do(home, "backup")
    assert not list((home.parent / "backups").glob("building-*"))
    assert len(backup.all_in(home.parent / "backups")) == BACKUP[step] + 1


@pytest.mark.parametrize("step", RESTORE)
def test_a_restore_killed_at_a_step_goes_on_or_is_done(home, step):
    do(home, "commit", "backup")
    seen = do(home, "look")
    empty = home.parent / "empty"
    empty.mkdir()
    do(empty, "restore", at=step)
    assert (empty / "nexus.sqlite3").exists() == (step == "restore.database")
    if step == "restore.blob":
        do(empty, "restore")
    assert do(empty, "look") == seen
