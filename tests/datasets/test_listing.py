"""Which datasets a list shows: owner and freshness; the other filters are told with the pages and the API."""

from datetime import timedelta

import pytest

from datasets import listing
from datasets.models import DatasetVersion
from tests.kit import factories
from tradenexus import db
from tradenexus.errors import BadRequest

pytestmark = pytest.mark.django_db


def names(person, **asked):
    return sorted(row.name for row in listing.filtered(person.actor, asked))


def test_owner_is_me_an_address_or_an_id(owner, teammate, stranger):
    factories.version_in(owner, "ready", name="mine")
    factories.version_in(teammate, "ready", name="theirs")
    factories.version_in(stranger, "ready", name="elsewhere")
    assert names(owner, owner="me") == ["mine"]
    assert names(teammate, owner="me") == ["theirs"]
    assert names(owner, owner="Teammate@example.org") == ["theirs"]
    assert names(owner, owner=f"usr_{teammate.user.id.hex}") == ["theirs"]
    assert names(owner, owner="stranger@example.org") == names(owner, owner="nobody@example.org") == []


def test_freshness_is_when_the_newest_version_was_begun(owner):
    for name, days in (("today", 0), ("this-week", 3), ("this-month", 20), ("long-ago", 90)):
        version = factories.version_in(owner, "ready", name=name)
        DatasetVersion.everyone.filter(id=version.id).update(created_at=db.now() - timedelta(days=days, minutes=5))
    assert names(owner, freshness="24h") == ["today"]
    assert names(owner, freshness="7d") == ["this-week", "today"]
    assert names(owner, freshness="30d") == ["this-month", "this-week", "today"]
    assert names(owner, freshness="older") == ["long-ago"]


@pytest.mark.parametrize(
    ("name", "value"), [("owner", "somebody"), ("owner", "a\0@b"), ("freshness", "5 minutes"), ("kind", "x")]
)
def test_a_value_that_no_filter_knows_is_refused(owner, name, value):
    with pytest.raises(BadRequest):
        listing.filtered(owner.actor, {name: value})
