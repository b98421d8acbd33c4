"""The search box: hits of the own workspace, words taken as words."""

import pytest

from datasets.models import Dataset
from tests.kit import factories
from tradenexus.search.registry import FINDERS, SUMMARIES

pytestmark = pytest.mark.django_db


def search(person, text):
    answer = person.api.get("/v1/search", {"q": text})
    assert answer.status_code == 200, answer.data
    return answer.data["items"]


@pytest.fixture
def named(owner, tmp_path):
    version = factories.sealed(owner, tmp_path)
    Dataset.everyone.filter(id=version.dataset_id).update(name="Apples 100%_'; DROP TABLE x; --<b>")
    version.dataset.refresh_from_db()
    return version.dataset


def test_every_app_has_registered(owner):
    assert {"datasets"} <= set(FINDERS)
    assert {"datasets", "uploads"} <= set(SUMMARIES)


@pytest.mark.parametrize("text", ["apples", "APPLES", "100%_", "'; DROP TABLE x; --", "<b>", "  apples  "])
def test_a_dataset_is_found_by_any_part_of_its_name(owner, named, text):
    assert [hit["id"] for hit in search(owner, text)] == [named.ref]
    assert {"kind", "id", "label", "detail", "url"} <= set(search(owner, text)[0])


@pytest.mark.parametrize("text", ["%", "_%_%_%_%_%x", "|", "\\", "ds_", "ds_" + "0" * 32, "x" * 5_000, "🍏"])
def test_patterns_and_nonsense_are_words_too(owner, named, text):
    found = search(owner, text)
    assert [hit["id"] for hit in found] == ([named.ref] if text == "%" else [])


def test_an_id_finds_its_thing_and_only_for_its_people(owner, stranger, named):
    assert [hit["id"] for hit in search(owner, named.ref)] == [named.ref]
    assert search(stranger, named.ref) == []
    assert search(stranger, "apples") == []


def test_at_most_twenty_of_a_kind(owner):
    for _ in range(25):
        factories.version_in(owner, "uploaded")
    Dataset.everyone.filter(tenant=owner.tenant).update(name="many")
    assert len([hit for hit in search(owner, "many") if hit["kind"] == "dataset"]) == 20


@pytest.mark.parametrize("query", ["", "?q=", "?q=%20", "?q=%00", "?q=a%00b"])
def test_nothing_to_search_for_is_refused_by_name(owner, query):
    answer = owner.api.get(f"/v1/search{query}")
    assert answer.status_code == 400
    assert "q" in answer.data["error"]["details"]["fields"]


def test_the_overview_counts_only_the_own_workspace(owner, stranger, named):
    mine, theirs = (person.api.get("/v1/overview").data for person in (owner, stranger))
    assert (mine["datasets"]["total"], theirs["datasets"]["total"]) == (1, 0)
    assert mine["disk"]["freeBytes"] > 0
