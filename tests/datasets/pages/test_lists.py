"""The list of datasets: chips, filters, pages, bulk actions."""

import pytest

from datasets.models import Dataset, DatasetVersion
from tests.kit import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def some(owner):
    return {
        state: factories.version_in(owner, state, name=f"{state}-one") for state in ("uploaded", "ready", "archived")
    }


def test_an_empty_workspace_shows_how_to_begin(owner, browse):
    text = browse(owner).get("/datasets/").content.decode()
    assert "nexus upload" in text
    assert "/uploads/new/" in text


def test_filters_that_match_nothing_say_so_and_can_be_cleared(owner, browse, some):
    text = browse(owner).get("/datasets/?q=nowhere").content.decode()
    assert "0 of 3 datasets match" in text
    assert "Clear filters" in text


def test_state_chips_count_and_filter(owner, browse, some):
    browser = browse(owner)
    text = browser.get("/datasets/").content.decode()
    assert "uploaded-one" in text
    assert "archived-one" not in text
    archived = browser.get("/datasets/?state=archived").content.decode()
    assert "archived-one" in archived
    assert "ready-one" not in archived
    assert browser.get("/datasets/?state=nonsense").status_code == 400


def test_pages_of_a_hundred_show_every_dataset_once(owner, browse):
    Dataset.everyone.bulk_create(
        Dataset(tenant_id=owner.tenant.id, name=f"d{number:03}", version=1, status="uploaded") for number in range(150)
    )
    rows = Dataset.of(owner.tenant.id)
    DatasetVersion.everyone.bulk_create(
        DatasetVersion(tenant_id=owner.tenant.id, dataset=row, number=1, status="uploaded", operation="upload")
        for row in rows
    )
    browser = browse(owner)
    first = browser.get("/datasets/?sort=name")
    second = browser.get("/datasets/" + first.context["pager"].next_url)
    names = [row.name for answer in (first, second) for row in answer.context["pager"].items]
    assert names == [f"d{number:03}" for number in range(150)]
    assert first.context["matching"] == second.context["matching"] == 150


def test_the_list_filters_by_owner_and_by_when_data_came(owner, teammate, browse, some):
    factories.version_in(teammate, "ready", name="theirs")
    browser = browse(owner)
    mine = browser.get("/datasets/?owner=me").content.decode()
    assert "ready-one" in mine
    assert "theirs" not in mine
    assert "theirs" in browser.get("/datasets/?owner=teammate@example.org&freshness=24h").content.decode()
    assert "0 of 4 datasets match" in browser.get("/datasets/?freshness=older").content.decode()
    assert browser.get("/datasets/?freshness=yesterday").status_code == 400


def test_who_may_act_gets_boxes_and_buttons_and_a_viewer_none(owner, viewer, browse, some):
    text = browse(owner).get("/datasets/?kind=&q=one").content.decode()
    assert [word in text for word in ("Re-validate…", "Publish…", "Archive…", "all 2 that match")] == [True] * 4
    assert '<input type="hidden" name="q" value="one">' in text
    looking = browse(viewer).get("/datasets/").content.decode()
    assert 'name="id"' not in looking
    assert "Archive…" not in looking


def test_the_command_says_the_same_filters(owner, browse, some):
    text = browse(owner).get("/datasets/?owner=me&freshness=7d&q=a b").content.decode()
    assert "nexus dataset list --owner me --freshness 7d --search &#x27;a b&#x27;" in text


def test_the_published_version_and_the_age_are_shown_when_wanted(owner, browse):
    version = factories.version_in(owner, "published_lona", name="out")
    browser = browse(owner)
    browser.post("/datasets/columns/", {"column": ["published", "freshness"]})
    row = browser.get("/datasets/").content.decode().split("<tbody>")[1]
    assert 'title="published_lona"' in row
    assert f"v{version.number}" in row
    assert "ms ago" in row or " s ago" in row


def test_a_live_refresh_costs_no_query_a_row(owner, browse, some, django_assert_max_num_queries):
    browser = browse(owner)
    for number in range(30):
        factories.version_in(owner, "ready", name=f"more-{number}")
    with django_assert_max_num_queries(20):
        browser.get("/datasets/")


def test_home_names_what_failed_with_one_action(owner, stranger, browse):
    version = factories.version_in(owner, "validation_failed", name="bad", status_reason="RED: failed. 12 duplicates")
    text = browse(owner).get("/datasets/_home/").content.decode()
    assert "12 duplicates" in text
    assert f"/datasets/{version.dataset.ref}/v/1/validate/" in text
    assert "bad" not in browse(stranger).get("/datasets/_home/").content.decode()


def test_resolution_asset_class_and_vendor_are_chosen_from_what_there_is(owner, browse, bars):
    Dataset.everyone.filter(id=bars.dataset_id).update(vendor="stooq", asset_class="etf")
    factories.version_in(owner, "uploaded", name="unread")
    browser = browse(owner)
    text = browser.get("/datasets/?resolution=1m&vendor=stooq&assetClass=etf").content.decode()
    assert "sealed" in text
    assert "unread" not in text
    assert "<option selected>1m</option>" in text
    assert "nexus dataset list --vendor stooq --asset-class etf --resolution 1m" in text
    assert "vendor=stooq&amp;assetClass=etf&amp;resolution=1m" in text  # what a view would keep
    assert 'name="assetClass" value="etf"' in text  # what a bulk action carries on
    other = browser.get("/datasets/?vendor=nobody").content.decode()
    assert "0 of 2 datasets match" in other
    assert "<option selected>nobody</option>" in other
    assert browser.get("/datasets/?resolution=often").status_code == 400


def test_the_button_of_the_phones_sheet_counts_the_filters_in_force(owner, browse, some):
    browser = browse(owner)
    assert 'href="#filters"' in browser.get("/datasets/").content.decode()
    assert "in force" not in browser.get("/datasets/?state=ready&sort=name").content.decode()
    assert "<b>2<span" in browser.get("/datasets/?state=ready&sort=name&kind=bars&q=a").content.decode()
