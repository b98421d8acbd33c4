"""A running embedded stack for one test."""

from __future__ import annotations

import pytest

from tests.kit.stack import Stack


@pytest.fixture
def stack(tmp_path):
    running = Stack(tmp_path / "home")
    yield running
    running.end()
