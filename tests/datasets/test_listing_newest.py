"""The version that a dataset shows in lists: its newest in use, and archived ones only where no other is left."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datasets import listing
from datasets.models import Dataset, DatasetVersion
from tests.kit.factories import version_in

pytestmark = pytest.mark.django_db


def add(first, number, status):
    """Put a further version of the same dataset beside `first`."""
    facts = {"tenant_id": first.tenant_id, "dataset_id": first.dataset_id, "operation": "candles"}
    Dataset.everyone.filter(id=first.dataset_id).update(version=number)
    return DatasetVersion.everyone.create(number=number, status=status, **facts)


def shown(*firsts):
    rows = list(Dataset.everyone.filter(id__in=[first.dataset_id for first in firsts]))
    return {version.dataset_id: version.number for version in listing.newest_of(rows)}


def test_a_dataset_shows_its_newest_version(owner):
    first = version_in(owner, "validated")
    add(first, 2, "ready")
    assert shown(first) == {first.dataset_id: 2}


def test_an_archived_newest_version_gives_way_to_the_newest_in_use(owner):
    first = version_in(owner, "validated")
    add(first, 2, "ready")
    add(first, 3, "archived")
    assert shown(first) == {first.dataset_id: 2}


def test_where_all_are_archived_the_newest_is_shown(owner):
    first = version_in(owner, "archived")
    add(first, 2, "archived")
    assert shown(first) == {first.dataset_id: 2}


def test_many_datasets_take_as_many_queries_as_one(owner):
    firsts = [version_in(owner, "uploading", name=f"series {number}") for number in range(5)]
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert len(shown(*firsts)) == 5
    assert len(asked) == 3  # the datasets, their versions, the uploads under way


def test_no_dataset_is_no_version():
    assert list(listing.newest_of([])) == []
