"""What people say of a dataset: kept as said, audited, taken back, never guessed."""

import pytest

from datasets import descriptions
from datasets.models import Dataset
from tests.kit import factories
from tradenexus import db
from tradenexus.audit.models import Entry
from tradenexus.errors import BadRequest

pytestmark = pytest.mark.django_db


def say(person, dataset, **said):
    with db.atomic():
        return descriptions.change(person.actor, dataset, **said)


def kept(dataset):
    row = Dataset.everyone.get(id=dataset.id)
    return row.vendor, row.asset_class


def test_nothing_is_said_until_somebody_says_it(owner):
    assert kept(factories.version_in(owner).dataset) == ("", "")


def test_what_is_said_is_kept_told_in_the_audit_and_taken_back(owner):
    dataset = factories.version_in(owner).dataset
    assert say(owner, dataset, vendor=" Binance\u202e\n", asset_class="crypto")
    assert kept(dataset) == ("Binance", "crypto")
    assert say(owner, dataset, vendor="")
    assert kept(dataset) == ("", "crypto")
    told = Entry.of(owner.tenant.id).filter(action="dataset.described").order_by("seq")
    assert [entry.details for entry in told] == [
        {"vendor": {"old": "", "new": "Binance"}, "asset_class": {"old": "", "new": "crypto"}},
        {"vendor": {"old": "Binance", "new": ""}},
    ]


def test_saying_the_same_again_is_no_news(owner):
    dataset = factories.version_in(owner).dataset
    assert say(owner, dataset, vendor="stooq")
    assert not say(owner, dataset, vendor="stooq")
    assert not say(owner, dataset)
    assert Entry.of(owner.tenant.id).filter(action="dataset.described").count() == 1


@pytest.mark.parametrize("said", [{"asset_class": "stonks"}, {"vendor": "v" * 65}])
def test_a_class_that_is_none_and_a_vendor_too_long_are_refused(owner, said):
    dataset = factories.version_in(owner).dataset
    with pytest.raises(BadRequest):
        say(owner, dataset, **said)
    assert kept(dataset) == ("", "")
