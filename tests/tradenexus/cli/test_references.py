"""REF: names, versions, ids and pasted pages; what is ambiguous is refused with the choices."""

import pytest

from tradenexus.cli.references import split


@pytest.mark.parametrize(
    ("ref", "parts"),
    [
        ("btc", ("btc", None)),
        ("btc@7", ("btc", "7")),
        ("btc@published", ("btc", "published")),
        ("a@b.csv", ("a@b.csv", None)),
        ("a@b@2", ("a@b", "2")),
    ],
)
def test_a_selector_is_split_off(ref, parts):
    assert split(ref) == parts


def shown(nexus, ref):
    ran = nexus("dataset", "show", ref, "--json")
    assert ran.code == 0, ran.err
    return ran.json


def test_a_dataset_is_found_by_name_id_version_and_page(platform, nexus):
    dataset = platform.dataset("btc")
    platform.dataset("btc-2")
    for ref in (
        "btc",
        dataset["id"],
        f"{platform.url}/datasets/{dataset['id']}/",
        f"{platform.url}/v1/datasets/{dataset['id']}",
    ):
        assert shown(nexus, ref)["id"] == dataset["id"]
    for ref in ("btc@1", f"{dataset['id']}@1", f"{platform.url}/datasets/{dataset['id']}/v/1/quality/?check=x"):
        assert shown(nexus, ref)["id"] == dataset["versionId"]


def test_published_is_the_newest_published_version(platform, nexus):
    platform.dataset("btc", status="published_lona", version=4)
    assert shown(nexus, "btc@published")["version"] == 4
    platform.dataset("eth")
    ran = nexus("dataset", "show", "eth@published")
    assert (ran.code, "nexus publish" in ran.err) == (5, True)


def test_a_name_that_two_datasets_have_is_refused_with_their_ids(platform, nexus):
    ids = [platform.dataset("btc")["id"] for _ in range(2)]
    ran = nexus("dataset", "show", "btc")
    assert ran.code == 2
    assert all(one in ran.err for one in ids)


def test_an_unknown_name_suggests_the_nearest(platform, nexus):
    platform.dataset("btc-trades")
    ran = nexus("dataset", "show", "btc-trade2")
    assert (ran.code, "did you mean btc-trades?" in ran.err) == (5, True)


@pytest.mark.parametrize("ref", ["", " ", "@7", "btc@0", "http://evil.example/datasets/ds_" + "0" * 32 + "/"])
def test_a_malformed_ref_is_usage(platform, nexus, ref):
    platform.dataset("btc")
    assert nexus("dataset", "show", ref).code == 2


@pytest.mark.parametrize("text", ["7F3", "job_7", "job_" + "g" * 32, "x job_" + "0" * 32])
def test_an_id_of_another_form_is_usage(platform, nexus, text):
    assert nexus("job", "show", text).code == 2


def test_an_id_is_taken_out_of_a_pasted_page(platform, nexus):
    job = platform.job("dataset.validate")
    assert nexus("job", "show", f"{platform.url}/jobs/{job['id']}/#L120", "--json").json["id"] == job["id"]
