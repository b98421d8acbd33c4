"""kill -9, ten times in one telling of the story: it ends with what an undisturbed telling ends with, once.

Victims are the worker, all of its idle processes, the web server and the reading child, at moments chosen by a seed;
NEXUS_KILL_SEED=N repeats a run. `make soak` tells it with the whole tape and 40 kills (NEXUS_KILLS), three times.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import pytest

from tests.acceptance.conftest import Told
from tests.kit import killer
from tests.kit.stack import Stack
from tradenexus.stack import story, tape


def disturbed(root: Path, told: Told, kills: int, seed: int) -> None:
    """Tell the story on a new home under kills and compare."""
    print(f"NEXUS_KILL_SEED={seed}")
    moments = random.Random(seed)
    stack = Stack(root, told.stack.rows)
    try:
        demo = root / "demo"
        demo.mkdir()
        for name in (f"{story.TAPE}.csv", f"{story.TAPE}.json"):
            shutil.copy(told.story.folder / name, demo / name)
        hand = killer.Killer(stack, killer.plan_of(moments, kills), told.usual_s, moments)
        one, _ = killer.tell(stack, hand)
        hand.join()
        assert hand.hit.total() == kills, hand.hit
        assert set(hand.hit) == {"worker", "idle workers", "web", "engine"}
        assert killer.outcome(stack, one) == told.outcome
        assert one.nexus("audit", "verify")["ok"]
        assert stack.targets("engine") == [], "a reading child was left behind"
    finally:
        stack.end()
    assert homes_of_the_living(root) == [], "a process of the stack was left behind"


def homes_of_the_living(root: Path) -> list[str]:
    """Return the command lines of processes that live on this home."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"NEXUS_HOME={root}\0".encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().decode().replace("\0", " "))
        except OSError:
            continue
    return found


def chosen_seed() -> int:
    return int(os.environ.get("NEXUS_KILL_SEED") or time.time_ns() % 100_000)


@pytest.mark.timeout(600)
def test_ten_kills_change_nothing_of_what_the_story_ends_with(tmp_path, told):
    disturbed(tmp_path / "disturbed", told, 10, chosen_seed())


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_many_kills_on_the_whole_tape_change_nothing(tmp_path):
    calm = Stack(tmp_path / "calm", tape.ROWS)
    try:
        one, usual_s = killer.tell(calm)
        told = Told(calm, one, killer.outcome(calm, one), usual_s)
    finally:
        calm.end()
    first = chosen_seed()
    for seed in range(first, first + 3):
        disturbed(tmp_path / f"disturbed-{seed}", told, int(os.environ.get("NEXUS_KILLS") or 40), seed)
