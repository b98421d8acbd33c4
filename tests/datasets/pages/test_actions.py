"""Forms: validate with answers, make candles, archive; refusals are told in the form."""

import pytest

from datasets.models import DatasetVersion, QualityReport
from tests.kit import factories
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db


def at(version, form):
    return f"/datasets/{version.dataset.ref}/v/{version.number}/{form}/"


def test_open_questions_of_the_report_are_asked_in_the_form(owner, browse):
    version = factories.version_in(owner, "validation_failed")
    question = {"id": "timezone", "field": "timezone", "text": "In which zone are they?", "options": ["UTC"]}
    body = {"issues": [{"details": {"questions": [question]}}], "checks": [], "summary": "RED"}
    QualityReport.everyone.create(
        tenant_id=owner.tenant.id, version=version, grade="RED", score=0, profile="standard", body=body
    )
    text = browse(owner).get(at(version, "validate")).content.decode()
    assert "In which zone are they?" in text
    assert "ds-asked" in text


def test_validating_passes_on_what_was_said_and_shows_the_job(owner, browse):
    version = factories.version_in(owner, "uploaded")
    said = {"timezone": "UTC", "kind": "trades", "map_price": "p", "map_size": "", "profile": "strict"}
    answer = browse(owner).post(at(version, "validate"), said)
    assert (answer.status_code, answer["Location"]) == (303, f"/datasets/{version.dataset.ref}/v/1/")
    job = Job.of(owner.tenant.id).get(subject=version.ref)
    wanted = {"timezone": "UTC", "kind": "trades", "columnMapping": {"price": "p"}, "profile": "strict"}
    assert job.params["options"] == wanted
    assert job.ref in browse(owner).get(answer["Location"]).content.decode()


def test_a_version_that_moved_on_is_a_conflict_in_words(owner, browse, bars):
    answer = browse(owner).post(at(bars, "validate"), {})
    assert answer.status_code == 409
    assert "ready" in answer.content.decode()


def test_candles_of_an_impossible_frequency_are_refused_in_the_form(owner, browse, tmp_path):
    trades = factories.sealed(owner, tmp_path, rows=60, status="validated", kind="trades")
    answer = browse(owner).post(at(trades, "candles"), {"frequency": "7x", "emptyBars": "omit"})
    assert answer.status_code == 422
    assert "7x" in answer.content.decode()
    assert DatasetVersion.of(owner.tenant.id).count() == 1


def test_making_candles_leads_to_the_new_version_once(owner, browse, tmp_path):
    trades = factories.sealed(owner, tmp_path, rows=60, status="validated", kind="trades")
    said = {"frequency": "5m", "emptyBars": "omit"}
    first, again = (browse(owner).post(at(trades, "candles"), said) for _ in range(2))
    assert first["Location"] == again["Location"] == f"/datasets/{trades.dataset.ref}/v/2/"
    assert DatasetVersion.of(owner.tenant.id).filter(operation="candles").count() == 1


def test_several_frequencies_are_made_together(owner, browse, tmp_path):
    trades = factories.sealed(owner, tmp_path, rows=60, status="validated", kind="trades")
    browser = browse(owner)
    answer = browser.post(at(trades, "candles"), {"frequency": "1m, 5m 60m", "emptyBars": "omit"})
    assert answer["Location"] == f"/datasets/{trades.dataset.ref}/versions/"
    made = DatasetVersion.of(owner.tenant.id).filter(operation="candles").order_by("number")
    assert [version.params["frequency"] for version in made] == ["1m", "5m", "1h"]
    for wrong in ("1m 1m", "60m 1h", ", ,", "1m 7x"):
        assert browser.post(at(trades, "candles"), {"frequency": wrong, "emptyBars": "omit"}).status_code == 422


def test_archiving_wants_the_name_typed(owner, browse, bars):
    browser = browse(owner)
    assert browser.post(at(bars, "archive"), {"name": "other"}).status_code == 422
    assert browser.post(at(bars, "archive"), {"name": bars.dataset.name}).status_code == 303
    bars.refresh_from_db()
    assert bars.status == "archived"


@pytest.mark.parametrize("form", ["validate", "candles", "archive"])
def test_forms_refuse_viewers_and_strangers(viewer, stranger, browse, bars, form):
    said = {"name": bars.dataset.name, "frequency": "1h"}
    assert browse(viewer).post(at(bars, form), said).status_code == 403
    assert browse(stranger).post(at(bars, form), said).status_code == 404
    bars.refresh_from_db()
    assert bars.status == "ready"


def test_what_a_dataset_is_of_is_said_in_a_form_and_shown(owner, viewer, browse):
    version = factories.version_in(owner, "ready")
    browser = browse(owner)
    assert "nexus dataset describe" in browser.get(at(version, "describe")).content.decode()
    assert browser.post(at(version, "describe"), {"vendor": "x", "assetClass": "stonks"}).status_code == 422
    assert browser.post(at(version, "describe"), {"vendor": "stooq", "assetClass": "etf"}).status_code in (
        204,
        302,
        303,
    )
    text = browser.get(f"/datasets/{version.dataset.ref}/").content.decode()
    assert "<dd>stooq</dd>" in text
    assert "<dd>etf" in text
    assert browse(viewer).post(at(version, "describe"), {"vendor": "y"}).status_code == 403
