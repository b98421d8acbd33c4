"""Our record and the provider's in the browser."""

from __future__ import annotations

import pytest

from datasets.models import Dataset
from lona.models import Publication
from tests.lona.pages.conftest import publication_of

pytestmark = pytest.mark.django_db(transaction=True)
PART = {"headers": {"HX-Request": "true"}}


def test_what_is_published_stands_beside_its_symbol(browser, version):
    publication_of(version, mapping="ok")
    text = browser.get("/publishes/mapping/").content.decode()
    for words in ("xrp@1", "sym-1", 'data-state="ok"', "Reconcile: look first"):
        assert words in text


def test_looking_first_changes_nothing_and_applying_retires(browser, version, provider):
    row = publication_of(version)
    look = browser.post("/publishes/mapping/", {"action": "look"}, **PART).content.decode()
    assert "nothing was changed" in look
    assert 'data-state="missing"' in look
    assert Publication.everyone.get(id=row.id).state == "published"
    mended = browser.post("/publishes/mapping/", {"action": "mend"}, **PART).content.decode()
    assert "Reconciled" in mended
    assert Publication.everyone.get(id=row.id).state == "retired"


def test_a_global_symbol_is_linked_as_a_dataset(browser, owner, provider):
    part = browser.get("/publishes/mapping/_global/", **PART).content.decode()
    assert "Link as a dataset" in part
    symbol = part.split('name="symbolId" value="')[1].split('"')[0]
    answer = browser.post("/publishes/mapping/", {"action": "link", "symbolId": symbol})
    dataset = Dataset.of(owner.tenant.id).get()
    assert answer["Location"] == f"/datasets/{dataset.ref}/"
    assert ">linked</a>" in browser.get("/publishes/mapping/_global/", **PART).content.decode()


def test_an_unknown_symbol_is_refused_in_words(browser, provider):
    assert browser.post("/publishes/mapping/", {"action": "link", "symbolId": "nope"}).status_code == 404


def test_the_page_opens_while_the_provider_is_away(browser, version, settings):
    settings.LONA_GATEWAY_URL, settings.LONA_ALLOW_PRIVATE = "http://127.0.0.1:9", True
    settings.LONA_AGENT_ID, settings.LONA_AGENT_TOKEN = "an-agent", "a-token"
    publication_of(version)
    assert browser.get("/publishes/mapping/").status_code == 200
    refused = browser.post("/publishes/mapping/", {"action": "look"})
    assert refused.status_code == 502
    assert "cannot be reached" in refused.content.decode()


def test_a_viewer_and_an_odd_action_are_refused(viewers_browser, browser):
    assert viewers_browser.post("/publishes/mapping/", {"action": "look"}).status_code == 403
    assert browser.post("/publishes/mapping/", {"action": "burn"}).status_code == 400
