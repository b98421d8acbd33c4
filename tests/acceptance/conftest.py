"""One undisturbed telling of the story for all tests that look at what it leaves behind."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import pytest

from tests.kit import killer
from tests.kit.stack import Stack
from tradenexus.stack.story import Story


class Told(NamedTuple):
    """A running stack on which the story was told, what it left behind, and the seconds each step took."""

    stack: Stack
    story: Story
    outcome: dict[str, Any]
    usual_s: dict[str, float]


@pytest.fixture(scope="session")
def told(tmp_path_factory):
    if "postgres" in os.environ.get("DATABASE_URL", ""):
        pytest.skip("embedded, whatever the suite runs on: told in the SQLite run")
    stack = Stack(tmp_path_factory.mktemp("told") / "home", rows=100_000)
    try:
        story, usual_s = killer.tell(stack)
        yield Told(stack, story, killer.outcome(stack, story), usual_s)
    finally:
        stack.end()
