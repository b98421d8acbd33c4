"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# How fast a busy machine makes examples says nothing of the code: time is no business of the tests.
hypothesis.settings.register_profile("tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("tests")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Hand out the longest modules first."""
    from tests.kit import order

    return order.LongestFirst(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    if hasattr(config, "workerinput"):
        from tests.kit import order

        order.sort(items)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup) -> None:
    """The test database, emptied quickly after tests that commit."""
    from django.test import TransactionTestCase

    from tests.kit import emptying

    TransactionTestCase._fixture_teardown = emptying.after_test  # type: ignore[method-assign]


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
def swift(tmp_path_factory) -> Iterator[Any]:
    """A real S3 server. Where it cannot be installed its tests are skipped, by name; with CI=true they fail."""
    from tests.kit.swift import CannotRun, Swift

    try:
        server = Swift(tmp_path_factory.mktemp("swift"))
    except CannotRun as why:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(why))
    with server:
        yield server


@pytest.fixture(scope="session")
def swift_bucket(swift) -> str:
    """A bucket for all tests of this process; each has a prefix of its own."""
    return str(swift.make_bucket())


@pytest.fixture
def bucket(swift, swift_bucket, settings, monkeypatch) -> Any:
    """The alias `data` is a bucket of a real S3 server."""
    from tests.kit.stores import Bucket

    made = Bucket(swift, swift_bucket)
    settings.STORAGES = {**settings.STORAGES, "data": made.entry(monkeypatch)}
    return made


@pytest.fixture(params=["folder", "bucket"])
def store(request) -> Any:
    """Where data rests: the tests that take it run on a folder and on a bucket."""
    from tests.kit.stores import Folder

    return Folder() if request.param == "folder" else request.getfixturevalue("bucket")


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real market data; tests that need it are skipped, by name, where it is absent."""
    folder = Path(os.environ.get("NEXUS_REALDATA", Path(__file__).parent.parent.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set NEXUS_REALDATA)")
    return folder
