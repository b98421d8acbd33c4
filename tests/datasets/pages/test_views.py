"""Saved views and the column chooser as forms: no script needed, the address says what is shown."""

import re

import pytest

from datasets import saved
from datasets.models import SavedView
from tests.kit import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two(owner):
    factories.version_in(owner, "ready", name="one-ready")
    factories.version_in(owner, "uploaded", name="one-uploaded")


def headings(text):
    return re.findall(r"<th scope=\"col\"[^>]*>(?:<a [^>]*>)?([^<]+)", text.split("<thead>")[1].split("</thead>")[0])


def test_filters_are_saved_under_a_name_and_opened_by_it(owner, browse):
    browser = browse(owner)
    assert "Save these filters as" not in browser.get("/datasets/").content.decode()
    assert "Save these filters as" in browser.get("/datasets/?state=ready").content.decode()
    answer = browser.post("/datasets/views/", {"name": "Ready ones", "query": "state=ready"})
    assert (answer.status_code, answer["Location"]) == (303, "/datasets/?state=ready")
    text = browser.get(answer["Location"]).content.decode()
    assert '<a href="/datasets/?state=ready" aria-current="true"><span>Ready ones</span>' in text
    assert "Save these filters as" not in text
    view = SavedView.of(owner.tenant.id).get()
    assert browser.get(f"/datasets/views/{view.ref}/")["Location"] == "/datasets/?state=ready"


def test_a_view_is_renamed_shared_taken_back_and_deleted(owner, teammate, browse):
    browser = browse(owner)
    browser.post("/datasets/views/", {"name": "mine", "query": "kind=bars"})
    view = SavedView.of(owner.tenant.id).get()
    at = f"/datasets/views/{view.ref}/"
    browser.post(at, {"action": "rename", "name": "Bars"})
    assert "Bars" not in browse(teammate).get("/datasets/views/").content.decode()
    browser.post(at, {"action": "share"})
    seen = browse(teammate).get("/datasets/views/").content.decode()
    assert "Bars" in seen
    assert "its owner or an admin" in seen
    assert browse(teammate).post(at, {"action": "delete"}).status_code == 403
    browser.post(at, {"action": "keep"})
    assert browse(teammate).post(at, {"action": "delete"}).status_code == 404
    assert browser.post(at, {"action": "delete"})["Location"] == "/datasets/views/"
    assert not SavedView.of(owner.tenant.id).exists()


def test_a_name_that_is_taken_is_told_in_the_form_with_what_was_typed(owner, browse):
    browser = browse(owner)
    browser.post("/datasets/views/", {"name": "mine", "query": "kind=bars"})
    answer = browser.post("/datasets/views/", {"name": "mine", "query": "kind=trades"})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "You have a view &#x27;mine&#x27; already" in text
    assert 'value="kind=trades"' in text


def test_a_viewer_saves_views_and_cannot_share_them(viewer, browse):
    browser = browse(viewer)
    assert "shared with the workspace" not in browser.get("/datasets/?state=ready").content.decode()
    assert browser.post("/datasets/views/", {"name": "v", "query": "state=ready"}).status_code == 303
    assert browser.post("/datasets/views/", {"name": "w", "query": "", "shared": "1"}).status_code == 403


def test_chosen_columns_are_shown_here_and_after_signing_in_again(owner, teammate, browse):
    usual = headings(browse(owner).get("/datasets/").content.decode())
    assert usual[1:] == [saved.COLUMNS[name] for name in saved.DEFAULT]
    chosen = {"column": ["state", "size", "published"], "query": "state=ready"}
    answer = browse(owner).post("/datasets/columns/", chosen)
    assert answer["Location"] == "/datasets/?state=ready"
    assert headings(browse(owner).get("/datasets/").content.decode())[1:] == ["Version and state", "Published", "Size"]
    assert headings(browse(teammate).get("/datasets/").content.decode()) == usual
    browse(owner).post("/datasets/columns/", {"usual": "1"})
    assert headings(browse(owner).get("/datasets/").content.decode()) == usual


def test_the_way_back_leads_to_no_other_site(owner, browse):
    for query in ("//evil.example/", "\n", "@evil.example"):
        answer = browse(owner).post("/datasets/columns/", {"column": "state", "query": query})
        assert answer["Location"].startswith("/")
        assert not answer["Location"].startswith("//")


def test_an_unknown_column_is_refused(owner, browse):
    assert browse(owner).post("/datasets/columns/", {"column": "colour"}).status_code == 400
