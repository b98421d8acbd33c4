"""The coverage bar of a row: drawn once from the days of a version, kept by its content."""

import pytest

from datasets.pages import pictures, sparks
from tests.kit import factories

pytestmark = pytest.mark.django_db


def bar_of(days):
    return sparks._of(pictures.calendar([{"date": day, "rows": 10} for day in days]), "BTC-USD")


def test_twelve_months_end_with_the_month_of_the_last_row():
    days = [f"2024-03-{day:02d}" for day in range(1, 32)] + [f"2024-04-{day:02d}" for day in range(1, 16)]
    spark = bar_of(days)
    assert [share for _, _, _, share in spark.bars] == [None] * 10 + [1.0, 1.0]
    assert spark.words == "BTC-USD: rows on 46 of 46 expected days from 2024-03 to 2024-04"


def test_missing_days_make_a_bar_lower_and_an_empty_month_is_a_stub():
    days = [f"2024-01-{day:02d}" for day in range(1, 32)] + ["2024-03-01", "2024-03-02"]
    *_, january, february, march = bar_of(days).bars
    assert january[3] == 1.0
    assert (february[2], february[3]) == (2, 0.0)
    assert march[3] == 1.0


def test_a_row_asks_for_its_bar_once_and_shows_it_from_then_on(owner, stranger, browse, bars):
    browser = browse(owner)
    at = f"/datasets/{bars.dataset.ref}/_spark/"
    assert at in browser.get("/datasets/").content.decode()
    drawn = browser.get(at, headers={"HX-Request": "true"}).content.decode()
    assert "<svg" in drawn
    assert "BTC-USD: rows on 2 of 2 expected days" in drawn
    listed = browser.get("/datasets/").content.decode()
    assert at not in listed
    assert "BTC-USD: rows on 2 of 2 expected days" in listed
    assert browse(stranger).get(at).status_code == 404


def test_a_version_without_rows_has_no_bar(owner, browse):
    version = factories.version_in(owner, "uploaded")
    text = browse(owner).get(f"/datasets/{version.dataset.ref}/_spark/").content.decode()
    assert "<svg" not in text
    assert "no value" in text
