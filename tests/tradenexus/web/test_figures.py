"""Numbers, sizes, spans and instants as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from tradenexus.web import chips, copy, figures
from tradenexus.web.templatetags import nx


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345678, "12,345,678"),
        (0, "0"),
        ("0.10", "0.10"),
        (float("nan"), "NaN"),
        (None, "—"),
        (-5, "-5"),
        (1.5, "1.5"),
    ],
)
def test_numbers_keep_their_digits(value, text):
    assert figures.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.00 kB"),
        (999_999, "1.00 MB"),
        (3_420_000_000, "3.42 GB"),
        (61_000_000, "61.0 MB"),
        (10**18, "1,000 PB"),
        (None, "—"),
    ],
)
def test_sizes_are_decimal(value, text):
    assert figures.size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.82, "820 ms"), (12, "12 s"), (80, "1 min 20 s"), (11_100, "3 h 05 min"), (187_200, "2 d 4 h"), (None, "—")],
)
def test_spans(value, text):
    assert figures.span(value) == text


def test_instants_are_utc_with_the_digits_they_have():
    assert figures.moment(datetime(2026, 11, 20, 14, 3, 11, tzinfo=UTC)) == "2026-11-20 14:03:11Z"
    second = 1_700_000_000_000_000_000
    assert figures.moment_ns(second) == "2023-11-14 22:13:20Z"
    assert figures.moment_ns(second + 5_000_000) == "2023-11-14 22:13:20.005Z"
    assert figures.moment_ns(second + 1) == "2023-11-14 22:13:20.000000001Z"
    assert figures.moment_ns(-1) == "1969-12-31 23:59:59.999999999Z"
    assert figures.day(date(2026, 11, 20)) == "2026-11-20"


def test_null_is_a_dash_that_is_read_as_no_value_and_zero_is_zero():
    assert "no value" in nx.dash(None)
    assert nx.dash(0) == 0
    assert nx.dash(False) is False


def test_a_hundred_percent_only_when_complete():
    assert nx.measured({"phase": "transfer", "done": 999, "total": 1000})["percent"] == 99
    assert nx.measured({"phase": "transfer", "done": 1000, "total": 1000})["percent"] == 100
    assert nx.measured({"phase": "count", "done": 5, "unit": "rows"}) == {
        "phase": "count",
        "percent": None,
        "facts": ["5 rows"],
    }


def test_time_left_is_hidden_at_the_beginning():
    shown = nx.measured({"done": 1, "total": 100, "eta_s": 80, "unit": "bytes"})
    assert shown["facts"] == ["1 byte of 100 bytes"]
    assert nx.measured({"done": 50, "total": 100, "eta_s": 80})["facts"][-1] == "about 1 min 20 s left"


def test_every_state_of_the_contract_has_a_look_of_its_own():
    for state in ("uploading", "validation_failed", "publishing_lona", "published_lona", "archived", "stalled"):
        assert chips.of(state).word
    assert chips.of("ready").tone == "ok"
    assert chips.of("publish_failed").tone == "bad"
    assert chips.of("something_new") == chips.Chip("mute", "circle", "Something new")


def test_a_chip_shows_text_not_markup():
    assert "<b>" not in nx.chip("<b>", title="<i>")


def test_commands_never_hold_a_secret_and_quote_what_people_wrote():
    made = copy.commands("POST", "/v1/keys", {"name": "it's $(rm -rf)"}, cli="nexus key create x")
    assert "$NEXUS_TOKEN" in made.curl
    assert "'\"'\"'" in made.curl
    assert [label for label, _ in made.tongues] == ["curl", "CLI", "Python"]
    compile(made.python, "copied", "exec")
    assert copy.commands("GET", "/v1/x", query={"q": "a b", "none": ""}).curl.endswith("\"$NEXUS_URL\"'/v1/x?q=a+b'")
