"""The story is true, is recognised when told again, and survives the death of any process."""

from __future__ import annotations

import os
import random
import threading

import pytest

from tradenexus.stack import story

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif("postgres" in os.environ.get("DATABASE_URL", ""), reason="embedded: told in the SQLite run"),
]


def tell(stack) -> story.Story:
    one = stack.story()
    told = story.run(one, print)
    assert [line for _, _, true, line in told if not true] == []
    assert len(told) == len(one.steps())
    return one


def versions(one: story.Story, name: str) -> list[tuple]:
    items = one.nexus("dataset", "versions", name)
    return [
        (item["version"], item["operation"], item["contentDigest"]) for item in items if item["status"] != "archived"
    ]


def test_second_telling_finds_what_the_first_one_made(told):
    first = told.story
    before = versions(first, story.TAPE)
    second = tell(told.stack)
    assert second.again
    assert second.candles["contentDigest"] == first.candles["contentDigest"]
    assert second.publication["id"] == first.publication["id"]
    digests = [digest for _, operation, digest in versions(second, story.TAPE)]
    assert set(digests) == {digest for _, _, digest in before}


@pytest.mark.soak  # the suite's own form is tests/acceptance/test_kill_nine.py
@pytest.mark.parametrize("victim", ["web", "worker", "idle workers"])
def test_story_stays_true_while_processes_are_killed(stack, victim):
    over, moments = threading.Event(), random.Random(victim)
    killed: list[int] = []

    def kill() -> None:
        # Longer apart than a start takes: what is tested is that work goes on, not that a start can be starved.
        while not over.wait(moments.uniform(10.0, 14.0)):
            killed.extend(stack.kill(victim))

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        one = tell(stack)
    finally:
        over.set()
        killer.join()
    assert killed
    made = versions(one, story.TAPE)
    assert len(made) == len(set(made)) == 2, "one upload, one set of candles"
