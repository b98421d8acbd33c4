"""Rows, chart and days on pages, and the picture helpers."""

import pytest

from datasets.pages import pictures
from tests.kit import factories

pytestmark = pytest.mark.django_db


def test_preview_pages_go_on_by_row_offset_and_end(owner, browse, bars):
    browser, base = browse(owner), f"/datasets/{bars.dataset.ref}/preview/"
    first = browser.get(base)
    assert [number for number, _ in first.context["rows"]] == list(range(100))
    last = browser.get(base + browser.get(base + first.context["following"]).context["following"])
    assert [number for number, _ in last.context["rows"]] == list(range(200, 250))
    assert last.context["following"] is None


def test_a_deep_link_marks_its_row_and_a_time_finds_the_next_row(owner, browse, bars):
    browser, base = browse(owner), f"/datasets/{bars.dataset.ref}/preview/"
    assert 'id="row-130" class="is-current"' in browser.get(base + "?row=130").content.decode()
    found = browser.get(base + "?at=2023-11-14 23:59:30").context["marked"]
    assert found == 107
    assert browser.get(base + "?at=2030-01-01").context["marked"] == 249
    assert browser.get(base + "?at=1990-01-01").context["marked"] == 0


@pytest.mark.parametrize("query", ["?row=minus", "?at=noon", "?from=-1", "?symbol=%00"])
def test_a_bad_address_is_refused_in_words(owner, browse, bars, query):
    assert browse(owner).get(f"/datasets/{bars.dataset.ref}/preview/{query}").status_code == 400


def test_an_unknown_symbol_is_told_and_leads_back(owner, browse, bars):
    text = browse(owner).get(f"/datasets/{bars.dataset.ref}/chart/?symbol=NOPE").content.decode()
    assert "NOPE" in text
    assert "Show the first symbol" in text


def test_the_chart_says_itself_in_words_and_as_a_table(owner, browse, bars):
    answer = browse(owner).get(f"/datasets/{bars.dataset.ref}/chart/")
    assert "250 bars of 1m: opened at 100, closed at 131.625" in answer.context["summary"]
    assert len(answer.context["table_rows"]) == 250
    assert f"/v1/datasets/{bars.dataset.ref}/chart?version=1" in answer.content.decode()


def test_findings_inside_the_chart_are_markers_that_link_to_the_report(owner, browse, reported):
    markers = browse(owner).get(f"/datasets/{reported.dataset.ref}/chart/").context["markers"]
    assert [(one["time"], one["grade"]) for one in markers] == [("2023-11-14T22:20:00Z", "AMBER")]
    assert markers[0]["url"].endswith("/v/1/quality/#check-moves-large")


def test_a_day_opens_with_its_rows(owner, browse, bars):
    browser, base = browse(owner), f"/datasets/{bars.dataset.ref}/coverage/"
    day = browser.get(base + "?day=2023-11-15").context["day"]
    assert day["rows"] == 143
    assert browser.get(base + "?day=tomorrow").status_code == 400


def test_the_calendar_tells_missing_thin_and_weekend_days_apart():
    days = [{"date": f"2024-01-{day:02}", "rows": 10} for day in (1, 2, 3, 4, 5, 8, 9, 11)]
    days.append({"date": "2024-01-12", "rows": 2})
    cells = pictures.calendar(days)["cells"]
    states = {f"{day + 1:02}": state for day, (state, _) in enumerate(cells)}
    assert (states["06"], states["07"], states["10"], states["12"]) == ("benign", "benign", "missing", "degraded")


def test_two_versions_are_compared_with_what_differs_marked(owner, browse, bars):
    browser = browse(owner)
    answer = browser.get(f"/datasets/{bars.dataset.ref}/diff/1...1")
    assert answer.context["identical"]
    chosen = browser.get(f"/datasets/{bars.dataset.ref}/diff/?a=1&b=1")
    assert chosen["Location"] == f"/datasets/{bars.dataset.ref}/diff/1...1"
    assert browser.get(f"/datasets/{bars.dataset.ref}/diff/1").status_code == 400


def test_pages_show_rows_and_chart_from_a_bucket_and_say_when_it_is_away(owner, browse, bucket, swift, tmp_path):
    version = factories.sealed(owner, tmp_path, rows=250)
    browser, base = browse(owner), f"/datasets/{version.dataset.ref}"
    assert [number for number, _ in browser.get(f"{base}/preview/").context["rows"]] == list(range(100))
    for page in ("preview", "chart", "coverage"):
        assert browser.get(f"{base}/{page}/").status_code == 200
    with swift.away():
        answer = browser.get(f"{base}/preview/")
        assert answer.status_code == 503
        assert "STORAGE_UNAVAILABLE" in answer.content.decode()
