"""The registry on pages: list, describe, change from a date on, what is refused."""

from __future__ import annotations

import pytest

from datasets.models import Instrument
from tests.kit import lake

pytestmark = pytest.mark.django_db
URL = "/lakehouse/instruments/"
SAID = {"name": "XNAS:AAPL", "type": "equity", "calendar": "XNYS", "timezone": "America/New_York"}


def test_an_instrument_is_described_and_listed(owner, browse):
    browser = browse(owner)
    assert "None is described yet" in browser.get(URL).content.decode()
    answer = browser.post(URL, SAID)
    assert (answer.status_code, answer["Location"]) == (303, f"{URL}XNAS:AAPL/")
    assert "America/New_York" in browser.get(answer["Location"]).content.decode()
    listed = browser.get(f"{URL}?q=aapl").content.decode()
    assert "XNYS" in listed
    assert "0 of 1 instruments match" in browser.get(f"{URL}?q=none").content.decode()


def test_a_change_leaves_what_was_true_before(owner, browse, golden):
    browser, url = browse(owner), f"{URL}BINANCE:ETH-BTC/"
    assert "crypto_bars_1d" in browser.get(url).content.decode()
    said = SAID | {
        "name": "BINANCE:ETH-BTC",
        "type": "spot",
        "calendar": "24/7",
        "timezone": "UTC",
        "tick_size": "0.01",
    }
    assert browser.post(url, said).status_code == 303
    assert Instrument.of(owner.tenant.id).filter(name="BINANCE:ETH-BTC").count() == 2
    assert "0.01" in browser.get(url).content.decode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "aapl"}, "not VENUE:SYMBOL"),
        ({"type": "house"}, "valid choice"),
        ({"calendar": "XXXX"}, "exchange calendar"),
        ({"timezone": "Moon/Base"}, "time zone"),
        ({"tick_size": "-1"}, "positive"),
    ],
)
def test_what_cannot_be_is_refused_in_the_form(owner, browse, change, words):
    answer = browse(owner).post(URL, SAID | change)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Instrument.of(owner.tenant.id).exists()


def test_others_see_nothing_and_lookers_on_say_nothing(owner, stranger, viewer, browse):
    lake.registered(owner, "X:A")
    assert browse(stranger).get(f"{URL}X:A/").status_code == 404
    assert "X:A" not in browse(stranger).get(URL).content.decode().split("Describe an instrument")[0]
    assert browse(viewer).post(URL, SAID).status_code == 403
    assert "Describe an instrument" not in browse(viewer).get(URL).content.decode()
