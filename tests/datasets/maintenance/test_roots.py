"""What holds a segment: rows with a foreign key to it, and functions of the settings."""

import pytest

from datasets.maintenance import roots
from datasets.models import LakeSegment
from tests.kit import lake

pytestmark = pytest.mark.django_db(transaction=True)
HELD: list = []


def hold(ids):
    return [each for each in ids if each in HELD]


@pytest.fixture
def segment(owner, tmp_path):
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([1, 2]), lake.registered(owner)))
    return LakeSegment.of(owner.tenant.id).get()


def test_members_alone_are_no_roots(segment):
    assert roots.held([segment.id]) == set()


def test_any_row_with_a_foreign_key_holds(segment, monkeypatch):
    monkeypatch.setattr(roots, "LakeMember", None)  # so that members are rows like any others
    assert roots.held([segment.id]) == {segment.id}


def test_a_function_of_the_settings_holds(segment, settings):
    settings.NEXUS_LAKE_ROOTS = [f"{__name__}.hold"]
    assert roots.held([segment.id]) == set()
    HELD[:] = [segment.id]
    assert roots.held([segment.id]) == {segment.id}
