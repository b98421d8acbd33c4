"""The list of datasets: chips, filters, pages, bulk actions."""

import pytest

from datasets.models import Dataset, DatasetVersion
from tests.kit import factories
from tradenexus.audit.models import Entry

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


def test_archiving_all_that_match_archives_those_and_audits_each(owner, browse, some):
    answer = browse(owner).post("/datasets/", {"action": "archive", "all": "1", "q": "ready"})
    assert answer.status_code == 303
    assert "did=1" in answer["Location"]
    assert Dataset.of(owner.tenant.id).get(name="ready-one").status == "archived"
    assert Dataset.of(owner.tenant.id).get(name="uploaded-one").status == "uploaded"
    assert Entry.of(owner.tenant.id).filter(subject=some["ready"].ref, new="archived").count() == 1
    assert "Archived 1 of 1" in browse(owner).get(answer["Location"]).content.decode()


def test_revalidating_leaves_those_whose_state_does_not_allow_it(owner, browse, some):
    chosen = [some["uploaded"].dataset.ref, some["ready"].dataset.ref]
    answer = browse(owner).post("/datasets/", {"action": "validate", "id": chosen})
    text = browse(owner).get(answer["Location"]).content.decode()
    assert "Validating 1 of 2" in text
    some["uploaded"].refresh_from_db()
    assert some["uploaded"].status == "validating"


def test_bulk_actions_need_a_role_and_reach_no_other_workspace(owner, viewer, stranger, browse, some):
    chosen = {"action": "archive", "id": some["ready"].dataset.ref}
    assert browse(viewer).post("/datasets/", chosen).status_code == 403
    assert browse(stranger).post("/datasets/", chosen).status_code == 404
    browse(stranger).post("/datasets/", {"action": "archive", "all": "1"})
    some["ready"].refresh_from_db()
    assert some["ready"].status == "ready"
    assert "ds-bulk" not in browse(viewer).get("/datasets/").content.decode().split("</table>")[-1]


def test_home_names_what_failed_with_one_action(owner, stranger, browse):
    version = factories.version_in(owner, "validation_failed", name="bad", status_reason="RED: failed. 12 duplicates")
    text = browse(owner).get("/datasets/_home/").content.decode()
    assert "12 duplicates" in text
    assert f"/datasets/{version.dataset.ref}/v/1/validate/" in text
    assert "bad" not in browse(stranger).get("/datasets/_home/").content.decode()
