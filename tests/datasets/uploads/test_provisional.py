"""Where an upload is looked at before it is whole, and when."""

from __future__ import annotations

import pytest

from datasets.models import DatasetVersion, UploadSession
from datasets.uploads import provisional

MIB = 1 << 20


@pytest.mark.parametrize(
    ("length", "looked_at"),
    [
        (26 * MIB, []),
        (100 * MIB, [30 * MIB, 60 * MIB]),
        (1000 * MIB, [100 * MIB, 300 * MIB, 600 * MIB]),
        (100 << 30, [256 * MIB, 1 << 30]),
        (None, [256 * MIB, 1 << 30]),
    ],
)
def test_marks_are_few_and_bounded(settings, length, looked_at):
    settings.NEXUS_PROVISIONAL_BYTES = 1 << 30
    assert provisional.marks(length) == looked_at


def test_nothing_is_looked_at_when_it_is_turned_off(settings):
    settings.NEXUS_PROVISIONAL_BYTES = 0
    assert provisional.marks(1 << 30) == provisional.marks(None) == []


@pytest.mark.parametrize(
    ("length", "offset", "received", "since_s", "late"),
    [
        (100 * MIB, 30 * MIB, 30 * MIB, 0.1, True),  # over in a quarter of a second
        (100 * MIB, 30 * MIB, 30 * MIB, 10.0, False),
        (100 * MIB, 90 * MIB, 1 * MIB, 0.1, True),  # what came before this body says nothing of its speed
        (100 * MIB, 90 * MIB, 1 * MIB, 1.0, False),
        (100 * MIB, 100 * MIB, 30 * MIB, 10.0, True),
        (None, 300 * MIB, 300 * MIB, 0.1, False),
    ],
)
def test_a_look_whose_report_comes_too_late_is_put_off(length, offset, received, since_s, late):
    session = UploadSession(length=length, offset=offset)
    assert provisional.too_late(session, received, since_s) is late


@pytest.mark.parametrize(
    ("length", "filename", "changed", "followed"),
    [
        (64 * MIB, "a.csv", {}, True),
        (63 * MIB, "a.csv", {}, False),  # validated in a moment anyway
        (None, "a.csv", {}, True),
        (64 * MIB, "", {}, False),  # its name says the instrument
        (64 * MIB, "a.csv", {"NEXUS_FOLLOW_WAIT_S": 0}, False),
        (64 * MIB, "a.csv", {"NEXUS_COMPUTE": "dask://elsewhere:1"}, False),
    ],
)
def test_what_is_large_is_followed_unless_it_is_turned_off(settings, length, filename, changed, followed):
    for name, value in {"NEXUS_PROVISIONAL_BYTES": 1 << 30, **changed}.items():
        setattr(settings, name, value)
    assert provisional.follows(UploadSession(length=length, filename=filename)) is followed


@pytest.mark.parametrize(
    ("params", "looked_at", "begins"),
    [
        ({}, [10, 30, 60], 30),
        ({}, [30, 60], 30),
        ({}, [60], 60),
        ({"abortEarly": True}, [10, 30, 60], 60),  # the last look may still stop it
    ],
)
def test_it_is_followed_from_the_look_before_the_last(params, looked_at, begins):
    session = UploadSession(version=DatasetVersion(params=params))
    assert provisional.follow_from(session, looked_at) == begins
