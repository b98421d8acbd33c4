"""Numbers and times as they are written."""

import time
from decimal import Decimal

import pytest

from tradenexus.cli import figures


@pytest.mark.parametrize(
    ("n", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (8_100_000_000, "8.10 GB"), (2 * 10**12, "2.00 TB")]
)
def test_sizes_are_decimal(n, text):
    assert figures.size(n) == text


def test_percents_are_floored():
    assert figures.percent(999_999_999, 1_000_000_000) == "99 %"
    assert figures.percent(10, 10) == "100 %"


@pytest.mark.parametrize(("s", "text"), [(0, "0:05"), (31, "0:35"), (80, "1:30"), (301, "6:00"), (7500, "2:05:00")])
def test_times_left_are_rounded_up(s, text):
    assert figures.span(s) == text


@pytest.mark.parametrize(
    ("text", "n"), [("20M", 20_000_000), ("1.5GB", 1_500_000_000), ("500k/s", 500_000), ("7", 7), ("1MiB", 1 << 20)]
)
def test_sizes_are_read(text, n):
    assert figures.parse_size(text) == n


@pytest.mark.parametrize("text", ["", "fast", "-1", "0", "1X", "1 2"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match=r"size|zero"):
        figures.parse_size(text)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("2026-11-20T14:03:11Z", "2026-11-20 14:03:11Z"),
        ("2026-11-20T14:03:11.123456789Z", "2026-11-20 14:03:11.123456789Z"),
        ("2026-11-20T14:03:11.500000+00:00", "2026-11-20 14:03:11.5Z"),
        ("2026-11-20T14:03:11+05:30", "2026-11-20 08:33:11Z"),
        ("2026-11-20T14:03:11", "2026-11-20 14:03:11"),
        ("2026-11-20", "2026-11-20"),
        ("not a time", "not a time"),
    ],
)
def test_times_are_utc_with_the_digits_they_have(given, shown):
    assert figures.moment(given) == shown


def test_local_times_carry_their_offset(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    assert figures.moment("2026-11-20T14:03:11.25Z", local=True) == "2026-11-20 19:33:11.25+05:30"
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def test_cells_are_exact_and_say_when_there_is_no_value():
    assert figures.cell(Decimal("0.10"), human=True) == "0.10"
    assert figures.cell(Decimal("1E-8"), human=False) == "0.00000001"
    assert figures.cell(1234567, human=True) == "1,234,567"
    assert figures.cell(1234567, human=False) == "1234567"
    assert figures.cell(None, human=True) == "—"
    assert figures.cell(None, human=False) == ""
    assert figures.cell(0, human=True) == "0"
    assert figures.cell(["A", "B"], human=True) == "A, B"


def test_text_cannot_break_a_line_or_steer_the_terminal():
    assert figures.cell("a\tb\nc\x1b[2J\u202egnp", human=False) == "a\\tb\\nc\\x1b[2J\\u202egnp"
