"""A sandbox process as the provider, versions of bars, and a worker that runs in the test."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from tests.lona.sandbox.process import Agent, Sandbox

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def provider_process(tmp_path_factory):
    running = Sandbox(tmp_path_factory.mktemp("provider") / "home")
    yield running
    running.stop()


@pytest.fixture
def provider(provider_process, settings, tmp_path):
    """The sandbox with an agent of this test's own, configured as the platform's provider."""
    from lona import client

    agent = Agent(provider_process, f"platform-{next(_NUMBERS)}")
    configure(settings, provider_process.url, agent)
    client._said_by.cache_clear()
    before = provider_process.client.get("/_sandbox/knobs").json()
    before.pop("registration_secret")
    yield SimpleNamespace(sandbox=provider_process, agent=agent, url=provider_process.url)
    provider_process.client.delete("/_sandbox/faults").raise_for_status()
    provider_process.knobs(**before)
    client._said_by.cache_clear()


def configure(settings, url, agent=None):
    settings.LONA_GATEWAY_URL = url
    settings.LONA_ALLOW_PRIVATE = True
    settings.LONA_PROVIDER_LABEL = ""
    settings.LONA_POLL_S = 0.2
    settings.LONA_SETTLE_S = 1
    if agent is not None:
        settings.LONA_AGENT_ID = agent.headers["X-User-Id"]
        settings.LONA_AGENT_TOKEN = agent.headers["X-API-Key"]


@pytest.fixture
def make_bars(tmp_path):
    """Make a sealed version of bars: `make_bars(owner, times(100))` in state `ready`."""
    from tests.lona import versions

    def make(person, ts_ns, **options):
        return versions.bars(person, tmp_path, ts_ns, **options)

    return make


@pytest.fixture
def work():
    """Run every job that is due, the waiting ones too, until none is left; returns the jobs run."""
    from tests.lona import worker

    return worker.work
