"""Which datasets a list shows: owner and freshness; the other filters are told with the pages and the API."""

import importlib
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connection

from datasets import listing
from datasets.models import Dataset, DatasetVersion
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
    ("name", "value"),
    [
        ("owner", "somebody"),
        ("owner", "a\0@b"),
        ("freshness", "5 minutes"),
        ("kind", "x"),
        ("resolution", "often"),
        ("assetClass", "stonks"),
    ],
)
def test_a_value_that_no_filter_knows_is_refused(owner, name, value):
    with pytest.raises(BadRequest):
        listing.filtered(owner.actor, {name: value})


@pytest.fixture
def described(owner, tmp_path):
    bars = factories.sealed(owner, tmp_path)
    Dataset.everyone.filter(id=bars.dataset_id).update(name="bars", vendor="stooq", asset_class="equity")
    ticks = factories.sealed(owner, tmp_path, kind="trades")
    Dataset.everyone.filter(id=ticks.dataset_id).update(name="ticks", vendor="binance", asset_class="crypto")
    return factories.version_in(owner, "uploaded", name="unread")


def test_resolution_is_the_interval_of_bars_or_ticks(owner, described):
    assert names(owner, resolution="1m") == names(owner, resolution="60s") == ["bars"]
    assert names(owner, resolution="ticks") == ["ticks"]
    assert names(owner, resolution="1d") == []


def test_vendor_and_asset_class_are_what_somebody_said(owner, stranger, described):
    assert names(owner, vendor="stooq") == names(owner, assetClass="equity") == ["bars"]
    assert names(owner, vendor="Stooq") == names(owner, vendor="stooq", assetClass="crypto") == []
    assert names(stranger, vendor="stooq") == []


def test_what_there_is_to_choose_from_is_told_sorted_and_once(owner, stranger, described):
    factories.version_in(owner, "ready")
    Dataset.everyone.filter(name="unread").update(vendor="stooq")
    assert listing.said(owner.tenant.id, "vendor") == ["binance", "stooq"]
    assert listing.said(owner.tenant.id, "resolution") == ["1m", "ticks"]
    assert listing.said(stranger.tenant.id, "vendor") == []


@pytest.mark.parametrize("field", ["vendor", "asset_class", "resolution"])
def test_choices_and_filters_are_read_off_an_index(owner, field):
    rows = Dataset.of(owner.tenant.id)
    with connection.cursor() as cursor:
        known = connection.introspection.get_constraints(cursor, Dataset._meta.db_table).values()
    assert ["tenant_id", field, "created_at", "id"] in [one["columns"] for one in known if one["index"]]
    if connection.vendor != "sqlite":
        return  # PostgreSQL reads a table as small as this one as a whole
    choices = rows.filter(**{f"{field}__gt": ""}).order_by(field).values_list(field, flat=True).distinct()
    listed = rows.filter(**{field: "x"}).order_by("-created_at", "-id")
    assert "COVERING INDEX dataset_by" in choices.explain()
    assert "INDEX dataset_by" in listed.explain()
    assert "TEMP B-TREE" not in choices.explain() + listed.explain()


def test_datasets_of_earlier_releases_get_the_resolution_of_their_newest_sealed_version(owner, described):
    Dataset.everyone.update(resolution="")
    importlib.import_module("datasets.migrations.0003_what_people_say").fill_resolution(apps, None)
    assert dict(Dataset.everyone.values_list("name", "resolution")) == {"bars": "1m", "ticks": "ticks", "unread": ""}
