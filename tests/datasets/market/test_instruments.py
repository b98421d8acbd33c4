"""Names of instruments: what is on the allow-list, and that nothing else passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.market import instruments


@pytest.mark.parametrize(
    "text", ["XNYS:AAPL", "BINANCE:BTC-USDT", "X:1E5", "X:0001", "X:TRUE", "XNAS:BRK.B", "CBOE:^VIX"[:5] + "A"]
)
def test_names_that_pass_are_kept_as_they_are(text):
    assert str(instruments.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "AAPL",
        ":AAPL",
        "XNYS:",
        "xnys:AAPL",
        "X:../../etc",
        "X:A/B",
        "X:A B",
        "X:A\x00",
        "X:é",
        "X:" + "A" * 64,
        "X:A:B",
        "X:..",
    ],
)
def test_other_spellings_are_refused_by_name(text):
    with pytest.raises(instruments.SymbolRefused):
        instruments.parse(text)


@given(st.text(max_size=12), st.text(max_size=12))
def test_whatever_passes_is_safe_in_a_path(venue, symbol):
    try:
        name = instruments.name(venue, symbol)
    except instruments.SymbolRefused:
        return
    assert not set(name.filename) & set("/\\\0\n %?#&<>\"'")
    assert not name.filename.startswith(".")
    assert instruments.parse(str(name)) == name
