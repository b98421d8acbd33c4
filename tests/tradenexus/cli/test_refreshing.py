"""Which entries of the lake a selector means."""

import pytest

from tradenexus.cli import refreshing


@pytest.mark.parametrize(
    ("selector", "meant"),
    [
        ("crypto_bars_1d/X:A", True),
        ("crypto_bars_1d/*", True),
        ("crypto_*", True),
        ("X:A", True),
        ("X:*", True),
        ("*:A", True),
        ("crypto_bars_1d", True),
        ("trades", False),
        ("X:a", False),
        ("X:AB", False),
        ("crypto_bars_1m/X:A", False),
    ],
)
def test_a_selector_means_an_entry_or_not(selector, meant):
    assert refreshing.matches(selector, "crypto_bars_1d", "X:A") is meant
