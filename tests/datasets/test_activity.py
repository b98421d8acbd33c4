"""The activity of a dataset: every entry of its versions once, over API and page, in the order of the chain."""

import pytest

from tests.kit import factories
from tradenexus import db
from tradenexus.audit import chain

pytestmark = pytest.mark.django_db


@pytest.fixture
def busy(owner):
    """A version with many entries, beside another dataset with as many."""
    version, other = factories.version_in(owner, "uploaded"), factories.version_in(owner, "uploaded", name="other")
    with db.atomic():
        for number in range(120):
            chain.record(owner.actor, "test.happened", version.ref, new=f"s{number}")
            chain.record(owner.actor, "test.happened", other.ref, new=f"o{number}")
            if number % 10 == 0:
                chain.record(owner.actor, "test.happened", version.dataset.ref, new=f"d{number}")
    return version


def test_the_pages_of_the_api_hold_every_entry_once_while_others_are_written(owner, busy):
    path, seen, cursor = f"/v1/datasets/{busy.dataset.ref}/audit?limit=50", [], ""
    subjects = {busy.ref, busy.dataset.ref}
    expected = [item["seq"] for item in _all(owner) if item["subject"] in subjects]
    while cursor is not None:
        page = owner.api.get(f"{path}&cursor={cursor}").data
        assert {item["subject"] for item in page["items"]} <= subjects
        seen += [item["seq"] for item in page["items"]]
        cursor = page["nextCursor"]
        with db.atomic():
            chain.record(owner.actor, "test.happened", busy.ref)
    assert seen == expected
    assert seen == sorted(set(seen), reverse=True)


def _all(owner):
    found, cursor = [], ""
    while cursor is not None:
        page = owner.api.get(f"/v1/audit?limit=200&cursor={cursor}").data
        found, cursor = found + page["items"], page["nextCursor"]
    return found


def test_the_page_goes_on_with_older_entries(owner, client, busy):
    client.force_login(owner.user)
    address = f"/datasets/{busy.dataset.ref}/activity/"
    first = client.get(address)
    second = client.get(address + first.context["pager"].next_url)
    told = [entry.seq for page in (first, second) for entry, *_ in page.context["entries"]]
    assert told == sorted(set(told), reverse=True)
    assert len(first.context["entries"]) == 100
    assert second.context["pager"].next_url is None


@pytest.mark.parametrize("cursor", ["WyJhYmMiXQ", "WzEuNV0", "Wy0xXQ", "bm8", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OV0"])
def test_a_cursor_of_another_list_is_refused_by_name(owner, client, busy, cursor):
    answer = owner.api.get(f"/v1/datasets/{busy.dataset.ref}/audit?cursor={cursor}")
    assert (answer.status_code, answer.data["error"]["code"]) == (400, "VALIDATION_ERROR")
    client.force_login(owner.user)
    assert client.get(f"/datasets/{busy.dataset.ref}/activity/?cursor={cursor}").status_code == 400


def test_a_stranger_finds_no_activity(stranger, busy):
    assert stranger.api.get(f"/v1/datasets/{busy.dataset.ref}/audit").status_code == 404
