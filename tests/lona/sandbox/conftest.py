"""One sandbox process for the tests that only talk to it, and agents of it."""

from __future__ import annotations

import itertools

import pytest

from lona.sandbox.knobs import from_environment
from tests.lona.sandbox.process import FAST, Agent, Sandbox

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory):
    running = Sandbox(tmp_path_factory.mktemp("lona") / "home")
    yield running
    assert running.stop() == 0


@pytest.fixture
def sandbox(shared_sandbox):
    """The running sandbox, its knobs and faults as they were once the test is over."""
    yield shared_sandbox
    fresh = from_environment({f"NEXUS_SANDBOX_{name}": value for name, value in FAST.items()})
    shared_sandbox.knobs(**vars(fresh))
    shared_sandbox.client.delete("/_sandbox/faults").raise_for_status()


@pytest.fixture
def agent(sandbox):
    """A caller without anything stored yet."""
    return Agent(sandbox, f"agent-{next(_NUMBERS)}")


@pytest.fixture
def other_agent(sandbox):
    """Another caller, who must not see the first one's things."""
    return Agent(sandbox, f"other-{next(_NUMBERS)}")


@pytest.fixture
def private_sandbox(tmp_path):
    """Start sandboxes of this test's own, in its own home: `private_sandbox(PENDING_SECONDS="1")`."""
    started: list[Sandbox] = []

    def start(**environment: str) -> Sandbox:
        started.append(Sandbox(tmp_path / "home", **environment))
        return started[-1]

    yield start
    for running in started:
        running.stop()
