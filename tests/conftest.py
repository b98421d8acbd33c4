"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def owner(db):
    """The admin of the first workspace."""
    from tests.kit import people
    from tradenexus.tenancy.models import Tenant

    return people.make("owner@example.org", Tenant.objects.create(name="first"))


@pytest.fixture
def teammate(owner):
    """An editor of the owner's workspace."""
    from tests.kit import people

    return people.make("teammate@example.org", owner.tenant, "editor")


@pytest.fixture
def viewer(owner):
    """A viewer of the owner's workspace."""
    from tests.kit import people

    return people.make("viewer@example.org", owner.tenant, "viewer")


@pytest.fixture
def stranger(db):
    """The admin of another workspace."""
    from tests.kit import people
    from tradenexus.tenancy.models import Tenant

    return people.make("stranger@example.org", Tenant.objects.create(name="second"))


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real market data; tests that need it are skipped, by name, where it is absent."""
    folder = Path(os.environ.get("NEXUS_REALDATA", Path(__file__).parent.parent.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set NEXUS_REALDATA)")
    return folder
