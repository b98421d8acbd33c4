"""The form of candidates and Refresh: a plan first, then one run whatever is pressed twice; what is refused is told."""

from __future__ import annotations

import io
import json
import re

import pytest

from backfill.models import IngestRun
from tests.kit.answering import page
from tests.kit.lake import MONDAY

pytestmark = pytest.mark.django_db(transaction=True)
NEW, REFRESH = "/lakehouse/ingests/new/", "/lakehouse/ingests/refresh/"
ENTRY = "crypto_bars_1d/X:A"


def hidden(text):
    """The hidden fields of the form that confirms a plan."""
    form = re.search(r'class="in-confirm">(.*?)</form>', text, re.S)[1]
    found = dict(re.findall(r'name="([a-z]+)" value="([^"]*)"', form))
    return {name: value.replace("&quot;", '"') for name, value in found.items() if name != "csrfmiddlewaretoken"}


def planned(browser, body):
    answer = browser.post(NEW, {"action": "plan", **body})
    assert answer.status_code == 200, answer.content.decode()[-1500:]
    return answer.content.decode()


def test_pasted_symbols_are_planned_then_fetched_once(owner, browse, answering, work):
    answering["X:A"] = answering["X:B"] = (page(MONDAY, [1.0, 2.0]),)
    browser = browse(owner)
    text = planned(browser, {"symbols": "X:A, X:B\nno-colon"})
    assert "0 fresh, 2 will be fetched, 1 refused" in text
    assert "SYMBOL_REFUSED" in text
    assert "nexus ingest refresh X:A X:B" in text
    assert not IngestRun.of(owner.tenant.id).exists()
    first, second = (browser.post(NEW, hidden(text)) for _ in range(2))
    run = IngestRun.of(owner.tenant.id).get()
    assert (first.status_code, first["Location"]) == (303, f"/lakehouse/ingests/{run.ref}/")
    assert second["Location"] == first["Location"]
    work()
    again = planned(browser, {"symbols": "X:A X:B"})
    assert "2 fresh, 0 will be fetched" in again
    assert "in-confirm" not in again
    assert "1 fresh" in planned(browser, {"symbols": "X:A", "freshness": "1"})
    assert "1 will be fetched" in planned(browser, {"symbols": "X:A", "freshness": "0"})


@pytest.mark.parametrize("document", [["X:A"], {"meta": {"venue": "X"}, "data": [{"symbol": "A"}]}])
def test_a_file_is_taken_and_what_the_form_says_is_for_those_that_say_nothing(owner, browse, answering, document):
    file = io.BytesIO(json.dumps(document).encode())
    file.name = "candidates.json"
    text = planned(browse(owner), {"file": file, "table": "crypto_bars_1d", "vendor": "answering"})
    assert "1 will be fetched" in text
    said = json.loads(hidden(text)["candidates"])
    assert said["meta"]["table"] == "crypto_bars_1d"
    assert hidden(text)["vendor"] == "answering"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "one of the two"),
        ({"symbols": "[1,"}, "is not json"),
        ({"symbols": "{}"}, "candidates are a list"),
        ({"symbols": "X:A", "freshness": "soon"}, "number of hours"),
        ({"symbols": "X:A", "vendor": "nobody"}, "no vendor"),
        ({"action": "start", "candidates": "1", "key": "abcdefgh"}, "candidates are a list"),
        ({"action": "start", "candidates": '["X:A"]'}, "open it again"),
        ({"action": "start", "candidates": '["no"]', "key": "abcdefgh"}, "no candidate was accepted"),
    ],
)
def test_what_cannot_be_taken_is_told_in_words_and_nothing_starts(owner, browse, answering, body, words):
    answer = browse(owner).post(NEW, {"action": "plan", **body})
    assert answer.status_code == 422, answer.content.decode()[-800:]
    text = answer.content.decode()
    assert words in text.lower()
    assert "Nothing was started" in text
    assert not IngestRun.of(owner.tenant.id).exists()


def test_chosen_entries_are_planned_and_one_is_refreshed_at_once(owner, browse, answering, hand_in, work):
    answering["X:A"] = (page(MONDAY, [1.0, 2.0]),)
    hand_in(owner, ["X:A"])
    browser = browse(owner)
    text = browser.get(f"{REFRESH}?entry={ENTRY}&action=plan").content.decode()
    assert "1 fresh, 0 will be fetched" in text
    assert f"nexus lake refresh {ENTRY} --plan" in text
    every = browser.get(f"{REFRESH}?all=1&table=crypto_bars_1d&q=x:").content.decode()
    assert "1 fresh" in every
    assert "nexus lake refresh --table crypto_bars_1d --query x: --plan" in every
    at_once = browser.post(REFRESH, {"entry": ENTRY, "key": "pressed-once"})
    assert browser.post(REFRESH, {"entry": ENTRY, "key": "pressed-once"})["Location"] == at_once["Location"]
    assert IngestRun.of(owner.tenant.id).count() == 2
    assert "fetched" in browser.get(at_once["Location"]).content.decode()
    assert browser.get(REFRESH).status_code == 303  # nothing was chosen
    assert browser.post(REFRESH, {}).status_code == 422


def test_an_entry_that_no_vendor_has_says_so(owner, browse, answering):
    answer = browse(owner).post(REFRESH, {"entry": "trades/Y:OTHER"})
    assert answer.status_code == 422
    assert "Y:OTHER" in answer.content.decode()
    assert not IngestRun.of(owner.tenant.id).exists()


def test_all_that_match_are_those_of_the_own_workspace(owner, stranger, browse, answering, hand_in):
    answering["X:A"] = (page(MONDAY, [1.0]),)
    hand_in(owner, ["X:A"])
    assert browse(stranger).get(f"{REFRESH}?all=1").status_code == 303


def test_a_viewer_sees_the_plan_and_starts_nothing(owner, viewer, browse, answering, hand_in):
    answering["X:A"] = (page(MONDAY, [1.0]),)
    hand_in(owner, ["X:A"])
    browser = browse(viewer)
    assert "in-confirm" not in browser.get(f"{REFRESH}?entry={ENTRY}").content.decode()
    assert browser.post(NEW, {"action": "plan", "symbols": "X:A"}).status_code == 403
    assert browser.post(REFRESH, {"entry": ENTRY}).status_code == 403


def test_a_long_list_is_a_file_on_the_command_line(owner, browse, answering):
    text = planned(browse(owner), {"symbols": " ".join(f"X:S{number}" for number in range(300))})
    assert "300 will be fetched" in text
    assert "100 more are not shown" in text
    assert "-d @candidates.json" in text
    assert "nexus ingest refresh candidates.json" in text
