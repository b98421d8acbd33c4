"""The quality report: order, filters, links to rows, acceptance, export."""

import pytest

from datasets.models import DatasetVersion
from tradenexus.audit.models import Entry

pytestmark = pytest.mark.django_db


def report(version, end=""):
    return f"/datasets/{version.dataset.ref}/v/{version.number}/quality/{end}"


def test_findings_stand_open_with_samples_and_passed_ones_are_folded(owner, browse, reported):
    answer = browse(owner).get(report(reported))
    text = answer.content.decode()
    sections = {section["name"]: section for section in answer.context["sections"]}
    assert [check["id"] for check in sections["Values"]["bad"]] == ["moves.large"]
    assert [check["id"] for check in sections["File and schema"]["passed"]] == ["schema.rows"]
    assert 'id="check-moves-large" open' in text
    assert "95 of 100" in text
    assert "preview/?symbol=BTC-USD&amp;at=2023-11-14T22%3A20%3A00Z" in text


def test_the_link_of_a_finding_leads_to_its_row(owner, browse, reported):
    url = f"/datasets/{reported.dataset.ref}/v/1/preview/?symbol=BTC-USD&at=2023-11-14T22%3A20%3A00Z"
    answer = browse(owner).get(url)
    row, cells = answer.context["rows"][answer.context["marked"]]
    assert (row, cells[1]) == (7, "2023-11-14T22:20:00Z")


def test_filters_narrow_the_checks(owner, browse, reported):
    browser = browse(owner)
    for query, shown in {"?show=failed": 1, "?section=Volume": 0, "?q=schema": 1, "?check=moves.large": 1}.items():
        assert browser.get(report(reported, query)).context["shown"] == shown, query


def test_accepting_a_finding_is_audited_and_shown_and_changes_no_verdict(owner, browse, reported):
    browser = browse(owner)
    said = {"check": "moves.large", "reason": "A true flash crash, see the venue's note."}
    assert browser.post(report(reported, "accept/"), said).status_code == 303
    entry = Entry.of(owner.tenant.id).get(action="quality.accepted")
    assert (entry.subject, entry.reason, entry.details["check"]) == (reported.ref, said["reason"], "moves.large")
    text = browser.get(report(reported)).content.decode()
    assert "A true flash crash" in text
    reported.refresh_from_db()
    assert reported.status == "ready"


def test_an_acceptance_without_a_reason_of_a_passed_check_or_by_a_viewer_is_refused(owner, viewer, browse, reported):
    assert browse(owner).post(report(reported, "accept/"), {"check": "moves.large", "reason": " "}).status_code == 422
    good = "because it is so"
    assert browse(owner).post(report(reported, "accept/"), {"check": "schema.rows", "reason": good}).status_code == 404
    assert browse(viewer).post(report(reported, "accept/"), {"check": "moves.large", "reason": good}).status_code == 403
    assert not Entry.of(owner.tenant.id).filter(action="quality.accepted").exists()


def test_the_export_is_one_file_that_needs_nothing_else(owner, browse, reported):
    answer = browse(owner).get(report(reported, "export/"))
    text = answer.content.decode()
    assert answer["Content-Disposition"].startswith("attachment")
    assert "moves.large" in text
    assert not any(mark in text for mark in ("<script", "<link", "src=", "href="))


@pytest.mark.parametrize(("interval", "start"), [("1m", "2023-11-13"), ("1d", "2023-09-15")])
def test_the_chart_around_a_finding_is_as_wide_as_the_bars_need(owner, browse, reported, interval, start):
    DatasetVersion.of(owner.tenant.id).filter(id=reported.id).update(interval=interval)
    sections = browse(owner).get(report(reported)).context["sections"]
    values = next(section for section in sections if section["name"] == "Values")
    assert f"start={start}T" in values["bad"][0]["samples"][0]["chart"]
