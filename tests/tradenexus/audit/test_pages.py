"""The audit trail as a page."""

from __future__ import annotations

import pytest

from tradenexus import db
from tradenexus.audit import chain
from tradenexus.audit.models import Entry

pytestmark = pytest.mark.django_db
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def browser(client, owner):
    client.force_login(owner.user)
    with db.atomic():
        for number in range(103):
            chain.record(owner.actor, "thing.changed", f"ds_{number:032x}", old="ready", new="archived", reason=NASTY)
    return client


def test_the_newest_entries_come_first_a_hundred_a_page(browser):
    page = browser.get("/audit/").content.decode()
    assert page.count('<tr id="entry-') == 100
    assert "103 entries" in page
    second = browser.get("/audit/" + page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")).content
    assert second.count(b'<tr id="entry-') == 3
    assert b"First page" in second


def test_what_people_wrote_is_text(browser):
    page = browser.get("/audit/").content.decode()
    assert NASTY not in page
    assert "&lt;script&gt;" in page


def test_one_objects_entries(browser, owner):
    page = browser.get(f"/audit/?object=ds_{7:032x}").content
    assert page.count(b'<tr id="entry-') == 1
    assert b"Clear filters" in page


def test_nothing_found_says_so_and_how_to_see_all(browser):
    page = browser.get("/audit/?object=ds_none").content
    assert b"0 of 103 entries match" in page


@pytest.mark.parametrize("query", ["actor=nobody", "object=%00", "cursor=x", "object=" + "a" * 70])
def test_a_filter_that_is_none_is_refused_in_words(browser, query):
    answer = browser.get(f"/audit/?{query}")
    assert answer.status_code == 400
    assert b"request id" in answer.content


def test_htmx_gets_the_table_alone(browser):
    part = browser.get("/audit/", headers={"HX-Request": "true"})
    assert b"<html" not in part.content
    assert "HX-Request" in part["Vary"]


def test_a_whole_chain_is_called_whole(browser):
    assert b"The chain is whole: 103 entries" in browser.post("/audit/verify/").content


def test_a_changed_entry_is_named(browser, owner):
    Entry.of(owner.tenant.id).filter(seq=50).update(reason="nothing happened")
    page = browser.get("/audit/verify/").content
    assert b"broken at entry 50" in page
    assert b"was changed after it was written" in page


def test_a_stranger_sees_their_own_trail_only(client, browser, stranger):
    client.force_login(stranger.user)
    page = client.get("/audit/").content
    assert b'<tr id="entry-' not in page
    assert b"Nothing has happened in this workspace yet" in page
