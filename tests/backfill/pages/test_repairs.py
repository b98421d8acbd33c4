"""The pages of gap repair: the form and its commands, the plan that can be run, and what became of each range."""

from __future__ import annotations

import pytest
from django.test import Client

from backfill.models import RepairRun
from backfill.vendors import errors
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def browse():
    def signed_in(person):
        client = Client()
        client.force_login(person.user)
        return client

    return signed_in


@pytest.fixture
def holed(owner, tmp_path):
    lake.registered(owner, "X:A")
    days = [day for day in range(10) if day not in (2, 3, 7)]
    rows = lake.bars([(MONDAY + day) * DAY for day in days], [100.0] * len(days))
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, "X:A"))


def text(browser, path):
    return browser.get(path).content.decode()


def test_an_empty_lake_has_nothing_to_repair_and_no_button(owner, browse):
    page = text(browse(owner), "/lakehouse/repairs/")
    assert "nothing to repair yet" in page
    assert "Only look for gaps" not in page


def test_the_lakehouse_and_an_entry_lead_to_it(owner, browse, holed):
    browser = browse(owner)
    assert 'href="/lakehouse/repairs/"' in text(browser, "/lakehouse/")
    assert 'href="/lakehouse/repairs/?entries=crypto_bars_1d/X:A"' in text(browser, "/lakehouse/crypto_bars_1d/X:A/")
    page = text(browser, "/lakehouse/repairs/?entries=crypto_bars_1d/X:A")
    assert 'value="crypto_bars_1d/X:A"' in page
    assert "nexus lake repair crypto_bars_1d/X:A --wait" in page
    assert "/v1/lake/repairs" in page


def test_a_plan_is_run_from_its_page(owner, browse, holed, ranged, work):
    ranged["ranged"] = {(MONDAY + day) * DAY: 100.0 for day in range(9) if day != 3}
    browser = browse(owner)
    answer = browser.post("/lakehouse/repairs/", {"entries": "X:*", "plan": "1", "kinds": ["MISSING"]})
    plan = RepairRun.of(owner.tenant.id).get()
    assert (answer.status_code, answer["Location"], plan.plan) == (303, f"/lakehouse/repairs/{plan.ref}/", True)
    assert "Waiting for a worker" in text(browser, answer["Location"])
    work()
    page = text(browser, answer["Location"])
    for told in (
        "Planned",
        "Repair these gaps",
        "nexus lake repair &#x27;X:*&#x27; --kind MISSING --wait",
        "2024-10-09",
    ):
        assert told in page
    answer = browser.post("/lakehouse/repairs/", {"entries": "X:*", "kinds": ["MISSING"]})
    work()
    page = text(browser, answer["Location"])
    for told in ("Partly", "ranged, other", 'href="/lakehouse/crypto_bars_1d/X:A/"', "of 3 missing"):
        assert told in page
    assert "Repair these gaps" not in page
    listed = text(browser, "/lakehouse/repairs/")
    assert answer["Location"] in listed
    assert "X:*, MISSING only" in listed
    assert "No range came to this" in text(browser, f"{answer['Location']}?outcome=failed")
    part = browser.get(answer["Location"], headers={"HX-Request": "true"}).content.decode()
    assert '<div id="repair"' in part[:40]


def test_what_cannot_be_meant_is_said_in_words(owner, browse, holed):
    answer = browse(owner).post("/lakehouse/repairs/", {"entries": "odd name"})
    assert answer.status_code == 422
    assert "Nothing was started" in answer.content.decode()
    assert not RepairRun.of(owner.tenant.id).exists()


def test_a_viewer_has_no_form_and_a_stranger_no_page(owner, viewer, stranger, browse, holed, ranged):
    browse(owner).post("/lakehouse/repairs/", {})
    ref = RepairRun.of(owner.tenant.id).get().ref
    assert "Only look for gaps" not in text(browse(viewer), "/lakehouse/repairs/")
    assert browse(viewer).post("/lakehouse/repairs/", {}).status_code == 403
    assert browse(stranger).get(f"/lakehouse/repairs/{ref}/").status_code == 404


def test_a_job_that_ended_before_it_looked_is_told(owner, browse, holed, ranged):
    browser = browse(owner)
    browser.post("/lakehouse/repairs/", {})
    repair = RepairRun.of(owner.tenant.id).get()
    assert owner.api.post(f"/v1/jobs/{repair.job.ref}:cancel", {}, format="json").status_code in (200, 202)
    page = text(browser, f"/lakehouse/repairs/{repair.ref}/")
    assert "JOB_CANCELLED" in page
    assert "Cancelled" in page


def test_a_repair_of_which_every_range_failed_is_not_called_finished(owner, browse, holed, ranged, work):
    ranged["ranged"] = ranged["other"] = errors.NotEntitled("not for you")
    answer = browse(owner).post("/lakehouse/repairs/", {"entries": "X:*", "kinds": ["MISSING"]})
    work()
    for path in (answer["Location"], "/lakehouse/repairs/"):
        page = text(browse(owner), path)
        assert ("Failed" in page, "Finished" in page) == (True, False)
