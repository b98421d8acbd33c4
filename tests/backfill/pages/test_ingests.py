"""The pages of ingests: the list with progress, and one with outcomes, findings, reasons, retry and cancel."""

from __future__ import annotations

import pytest

from backfill.models import IngestItem, IngestRun
from backfill.vendors.errors import Malformed, NotEntitled
from tests.kit.answering import page
from tests.kit.lake import MONDAY

pytestmark = pytest.mark.django_db(transaction=True)
HOME = "/lakehouse/ingests/"


def asked(person, candidates, **more):
    answer = person.api.post("/v1/lake/candidates", {"candidates": candidates, **more}, format="json")
    assert answer.status_code == 202, answer.json()
    return answer.json()["ingest"]["id"]


@pytest.fixture
def mixed(owner, answering, work):
    """A run of which one came, one is quarantined in part, one failed; and one candidate was refused."""
    answering["X:A"] = (page(MONDAY, [1.0, 1.0, 1.0]),)
    answering["X:B"] = (page(MONDAY, [1.0, 1.0, 900.0, 1.0, 1.0, 1.0]),)
    answering["X:C"] = NotEntitled("not in your plan")
    ref = asked(owner, ["X:A", "X:B", "X:C", "nonsense"])
    work()
    return ref


def test_nothing_handed_in_says_what_it_is_and_how_to_begin(owner, viewer, browse, answering):
    text = browse(owner).get(HOME).content.decode()
    assert "Nothing was handed in yet" in text
    assert 'type="file" name="file"' in text
    assert "nexus ingest refresh candidates.json --plan" in text
    assert 'type="file"' not in browse(viewer).get(HOME).content.decode()


def test_the_list_tells_how_far_each_is_and_what_it_came_to(owner, browse, answering, mixed):
    asked(owner, ["X:A"], freshnessHours=0)
    first, second = browse(owner).get(HOME).context["rows"]
    assert (first.state, first.done, first.percent, first.took) == ("working", 0, 0, None)
    assert (second.state, second.done, second.percent, second.failed) == ("finished", 3, 100, 1)
    assert dict(second.counts) == {"committed": 1, "quarantined": 1, "failed": 1}
    text = browse(owner).get(HOME, headers={"HX-Request": "true"}).content.decode()
    assert text.startswith('<div id="ingests"')
    assert "every 5s" in text
    assert owner.user.email in text


def test_one_tells_outcome_findings_and_reason_of_each_instrument(owner, browse, mixed):
    text = browse(owner).get(f"{HOME}{mixed}/").content.decode()
    assert "VENDOR_NOT_ENTITLED" in text
    assert "not in your plan" in text
    assert 'data-state="quarantined"' in text
    assert "/lakehouse/crypto_bars_1d/X:B/quarantine/" in text
    assert "TOXIC" in text
    assert "nonsense" in text
    assert "1 candidate was refused" in text
    part = browse(owner).get(f"{HOME}{mixed}/", headers={"HX-Request": "true"}).content.decode()
    assert 'data-state="finished"' in part  # what changes while it runs stands in the part that is refreshed
    failed = browse(owner).get(f"{HOME}{mixed}/?outcome=failed")
    assert [item.instrument for item in failed.context["pager"].items] == ["X:C"]
    assert "nexus ingest retry" in text
    assert "nexus ingest cancel" not in text


def test_what_failed_is_tried_again_though_its_job_had_succeeded(owner, browse, answering, mixed, work):
    answering["X:C"] = (page(MONDAY, [1.0]),)
    browser = browse(owner)
    answer = browser.post(f"{HOME}{mixed}/", {"action": "retry"})
    assert (answer.status_code, answer["Location"]) == (303, f"{HOME}{mixed}/")
    assert browser.post(f"{HOME}{mixed}/", {"action": "retry"}).status_code == 422
    work()
    row = browser.get(f"{HOME}{mixed}/").context["row"]
    assert (row.state, dict(row.counts)) == ("finished", {"committed": 2, "quarantined": 1})
    assert IngestItem.objects.get(instrument="X:A").job_id != IngestItem.objects.get(instrument="X:C").job_id


def test_what_waits_is_cancelled_and_ends_as_failed(owner, browse, answering):
    answering["X:A"] = (page(MONDAY, [1.0]),)
    ref = asked(owner, ["X:A"])
    browser = browse(owner)
    assert "nexus ingest cancel" in browser.get(f"{HOME}{ref}/").content.decode()
    assert browser.post(f"{HOME}{ref}/", {"action": "cancel"}).status_code == 303
    row = browser.get(f"{HOME}{ref}/").context["row"]
    assert (row.state, dict(row.counts)) == ("finished", {"failed": 1})
    assert browser.post(f"{HOME}{ref}/", {"action": "cancel"}).status_code == 422
    assert browser.post(f"{HOME}{ref}/", {"action": "other"}).status_code == 400


def test_what_a_vendor_or_a_file_says_is_text(owner, browse, answering, work):
    answering["X:A"] = Malformed("<script>alert(1)</script>")
    ref = asked(owner, ["X:A", {"symbol": "<b>"}])
    work()
    IngestRun.of(owner.tenant.id).update(source="2026-01-01/<i>.json")
    for path in (f"{HOME}{ref}/", HOME):
        text = browse(owner).get(path).content.decode()
        assert not any(tag in text for tag in ("<script>alert", "<b>X", "<i>.json"))


def test_a_stranger_finds_nothing_and_a_viewer_touches_nothing(owner, viewer, stranger, browse, mixed):
    assert browse(stranger).get(f"{HOME}{mixed}/").status_code == 404
    assert browse(stranger).get(HOME).context["rows"] == []
    assert browse(viewer).get(f"{HOME}{mixed}/").status_code == 200
    assert browse(viewer).post(f"{HOME}{mixed}/", {"action": "retry"}).status_code == 403


def test_home_asks_for_the_newest_as_a_step_of_the_night(owner, stranger, browse, mixed):
    text = browse(owner).get(f"{HOME}_night/").content.decode()
    assert text.startswith("<li>")
    assert f"{HOME}{mixed}/" in text
    assert "3 of 3" in text
    assert "1 failed" in text
    assert "Nothing was handed in yet" in browse(stranger).get(f"{HOME}_night/").content.decode()
