"""Acting on many: the confirmation with its count, one start per form, the outcome of each dataset."""

import re

import pytest

from datasets.models import BulkAction, Dataset
from tests.kit import factories
from tests.lona.worker import work
from tradenexus.audit.models import Entry

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def some(owner):
    return {
        state: factories.version_in(owner, state, name=f"{state}-one") for state in ("uploaded", "ready", "archived")
    }


def fields(answer):
    text = answer.content.decode()
    form = text.split('<form method="post" action="/datasets/bulk/">')[1].split("</form>")[0]
    pairs = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form)
    return {name: [value for key, value in pairs if key == name] for name, _ in pairs}


def test_all_that_match_are_counted_confirmed_acted_on_and_told(owner, browse, some):
    browser = browse(owner)
    asked = browser.get("/datasets/bulk/?action=archive&all=1&q=one")
    text = asked.content.decode()
    assert "Archive 2 datasets" in text
    assert "<code>q=one</code>" in text
    assert "Nothing is deleted" in text
    assert "nexus dataset bulk archive --all --search one" in text
    answer = browser.post("/datasets/bulk/", fields(asked))
    row = BulkAction.of(owner.tenant.id).get()
    assert (answer.status_code, answer["Location"]) == (303, f"/datasets/bulk/{row.ref}/")
    assert "Waiting for a worker" in browser.get(answer["Location"]).content.decode()
    work()
    told = browser.get(answer["Location"]).content.decode()
    assert "Archive: done for 2 of 2." in told
    assert Dataset.of(owner.tenant.id).filter(status="archived").count() == 3
    assert Entry.of(owner.tenant.id).filter(subject=some["ready"].ref, new="archived").count() == 1


def test_partial_success_is_told_and_refusals_are_listed_with_reasons(owner, browse, some):
    chosen = "&".join(f"id={some[state].dataset.ref}" for state in ("ready", "archived"))
    browser = browse(owner)
    asked = browser.get(f"/datasets/bulk/?action=archive&{chosen}")
    assert "2 chosen datasets" in asked.content.decode()
    assert "1 will be refused" in asked.content.decode()
    at = browser.post("/datasets/bulk/", fields(asked))["Location"]
    work()
    text = browser.get(at).content.decode()
    assert "done for 1 of 2. 1 was refused" in text
    assert "1 × <code>STATE_CONFLICT</code>" in text
    assert "is archived and cannot" in text
    refused = browser.get(f"{at}?state=refused").content.decode()
    assert "archived-one" in refused
    assert "ready-one" not in refused


def test_the_same_form_sent_twice_acts_once(owner, browse, some):
    browser = browse(owner)
    said = fields(browser.get("/datasets/bulk/?action=archive&all=1"))
    first, again = (browser.post("/datasets/bulk/", said)["Location"] for _ in range(2))
    assert first == again
    assert BulkAction.of(owner.tenant.id).count() == 1


def test_when_the_list_changed_since_the_question_it_is_asked_again(owner, browse, some):
    browser = browse(owner)
    said = fields(browser.get("/datasets/bulk/?action=archive&all=1"))
    factories.version_in(owner, "ready", name="late")
    answer = browser.post("/datasets/bulk/", said)
    assert answer.status_code == 422
    assert "3 datasets match now; 2 were confirmed" in answer.content.decode()
    assert fields(answer)["expect"] == ["3"]
    assert not BulkAction.of(owner.tenant.id).exists()


def test_nothing_chosen_and_nothing_possible_start_nothing(owner, browse, some):
    browser = browse(owner)
    assert "No dataset was chosen" in browser.get("/datasets/bulk/?action=archive").content.decode()
    assert "No dataset matches" in browser.get("/datasets/bulk/?action=archive&all=1&q=none").content.decode()
    held = browser.get("/datasets/bulk/?action=publish&all=1&state=uploaded").content.decode()
    assert "disabled>Publish 0 datasets" in held
    assert browser.get("/datasets/bulk/?action=delete&all=1").status_code == 400
    assert browser.post("/datasets/bulk/", {"action": "archive"}).status_code == 422


def test_a_role_is_needed_and_no_other_workspace_is_reached(owner, viewer, stranger, browse, some):
    chosen = {"action": "archive", "id": some["ready"].dataset.ref}
    assert browse(viewer).get("/datasets/bulk/", chosen).status_code == 403
    assert browse(viewer).post("/datasets/bulk/", chosen).status_code == 403
    assert browse(stranger).get("/datasets/bulk/", chosen).status_code == 404
    assert browse(stranger).post("/datasets/bulk/", chosen).status_code == 404
    browse(stranger).post("/datasets/bulk/", {"action": "archive", "all": "1"})
    work()
    some["ready"].refresh_from_db()
    assert some["ready"].status == "ready"
    at = browse(owner).post("/datasets/bulk/", chosen)["Location"]
    assert browse(viewer).get(at).status_code == 200
    assert browse(stranger).get(at).status_code == 404
