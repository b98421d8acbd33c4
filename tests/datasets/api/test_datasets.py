"""PATCH /v1/datasets/{id}: what people say of a dataset."""

import pytest

from tests.kit import factories

pytestmark = pytest.mark.django_db


def say(person, dataset, **said):
    return person.api.patch(f"/v1/datasets/{dataset.ref}", said, format="json")


def test_what_is_left_out_stays_and_an_empty_text_takes_back(owner):
    dataset = factories.version_in(owner, "ready").dataset
    said = say(owner, dataset, vendor="stooq", assetClass="etf").json()["dataset"]
    assert (said["vendor"], said["assetClass"]) == ("stooq", "etf")
    said = say(owner, dataset, assetClass="").json()["dataset"]
    assert (said["vendor"], said["assetClass"]) == ("stooq", None)


def test_it_is_refused_to_viewers_strangers_and_for_a_class_that_is_none(owner, viewer, stranger):
    dataset = factories.version_in(owner, "ready").dataset
    assert say(viewer, dataset, vendor="x").status_code == 403
    assert say(stranger, dataset, vendor="x").status_code == 404
    assert say(owner, dataset, assetClass="stonks").status_code == 400
    assert say(owner, dataset, vendor="x" * 65).status_code == 400
    dataset.refresh_from_db()
    assert dataset.vendor == ""
