"""What a recipe may say, and that a wrong step is refused by its number and field."""

import json

import pytest

from datasets.market import kinds
from datasets.transforms import recipe

WHERE = [{"column": "close", "op": ">", "value": 1000}]


def test_a_recipe_is_brought_into_its_full_form():
    steps = [
        {"op": "drop", "where": WHERE, "from": "2024-01-01", "instrument": "A", "mustMatch": True},
        {"op": "dedupe"},
        {"op": "shift", "zone": "America/New_York"},
        {"op": "scale", "columns": ["open", "close"], "factor": "1/7", "to": "2014-06-09T09:30:00.5-04:00"},
        {"op": "clip_range", "to": "2025-01-01T00:00:00Z"},
    ]
    assert recipe.parse(steps, kinds.BARS) == [
        {"op": "drop", "where": WHERE, "match": "all", "from": "2024-01-01T00:00:00Z"}
        | {"instrument": "A", "mustMatch": True},
        {"op": "dedupe", "by": ["ts_event"], "keep": "first"},
        {"op": "shift", "zone": "America/New_York"},
        {"op": "scale", "columns": ["open", "close"], "factor": "1/7", "to": "2014-06-09T13:30:00.500Z"},
        {"op": "clip_range", "to": "2025-01-01T00:00:00Z"},
    ]


def test_the_full_form_is_its_own_full_form_and_survives_json():
    steps = [
        {"op": "drop", "where": [{"column": "high", "op": "<", "other": "low"}, *WHERE], "match": "any"},
        {"op": "drop", "check": "ohlc.high_low", "mustMatch": False},
        {"op": "shift", "seconds": -0.5},
    ]
    once = recipe.parse(steps, kinds.BARS)
    assert recipe.parse(json.loads(json.dumps(once)), kinds.BARS) == once


@pytest.mark.parametrize(
    ("step", "field"),
    [
        ("drop", "op"),
        ({}, "op"),
        ({"op": "fill"}, "op"),
        ({"op": "drop"}, "where"),
        ({"op": "drop", "where": []}, "where"),
        ({"op": "drop", "match": "any", "from": "2024-01-01"}, "match"),
        ({"op": "drop", "where": WHERE, "match": "some"}, "match"),
        ({"op": "drop", "where": [{"column": "price", "op": ">", "value": 1}]}, "where[0].column"),
        ({"op": "drop", "where": [*WHERE, {"column": "ts_event", "op": ">", "value": 1}]}, "where[1].column"),
        ({"op": "drop", "where": [{"column": "close", "op": "=>", "value": 1}]}, "where[0].op"),
        ({"op": "drop", "where": [{"column": "close", "op": ">"}]}, "where[0]"),
        ({"op": "drop", "where": [{"column": "close", "op": ">", "value": 1, "other": "open"}]}, "where[0]"),
        ({"op": "drop", "where": [{"column": "close", "op": "null", "value": 1}]}, "where[0]"),
        ({"op": "drop", "where": [{"column": "close", "op": ">", "other": "close"}]}, "where[0].other"),
        ({"op": "drop", "where": [{"column": "close", "op": ">", "value": "1"}]}, "where[0].value"),
        ({"op": "drop", "where": [{"column": "close", "op": ">", "value": float("nan")}]}, "where[0].value"),
        ({"op": "drop", "where": [{"column": "filled", "op": "==", "value": 1}]}, "where[0].value"),
        ({"op": "drop", "where": [{"column": "close", "op": ">", "value": 10**400}]}, "where[0].value"),
        ({"op": "drop", "where": [{"column": ["close"], "op": ">", "value": 1}]}, "where[0].column"),
        ({"op": ["drop"]}, "op"),
        ({"op": "drop", "check": ["a"]}, "check"),
        ({"op": "scale", "columns": [["open"]], "factor": 2}, "columns[0]"),
        ({"op": "scale", "columns": ["open"], "factor": 10**400}, "factor"),
        ({"op": "scale", "columns": ["open"], "factor": "9" * 500}, "factor"),
        ({"op": "shift", "seconds": 10**400}, "seconds"),
        ({"op": "clip_range", "from": "2024-01-01", "instrument": "a\0"}, "instrument"),
        ({"op": "clip_range", "from": "2024-01-01", "instrument": "\ud800"}, "instrument"),
        ({"op": "drop", "check": "no.such"}, "check"),
        ({"op": "drop", "check": "gaps.bars"}, "check"),
        ({"op": "drop", "check": "ohlc.inside", "from": "2024-01-01"}, "check"),
        ({"op": "drop", "from": "2024-01-01T10:00"}, "from"),
        ({"op": "drop", "from": "2024-02-30"}, "from"),
        ({"op": "drop", "from": "9999-01-01"}, "from"),
        ({"op": "drop", "from": "2024-01-02", "to": "2024-01-02"}, "to"),
        ({"op": "drop", "where": WHERE, "keep": "first"}, "keep"),
        ({"op": "dedupe", "keep": "best"}, "keep"),
        ({"op": "dedupe", "by": ["close", "close"]}, "by[1]"),
        ({"op": "dedupe", "by": "close"}, "by"),
        ({"op": "shift"}, "seconds"),
        ({"op": "shift", "seconds": 1, "zone": "Europe/Berlin"}, "seconds"),
        ({"op": "shift", "seconds": 0}, "seconds"),
        ({"op": "shift", "seconds": True}, "seconds"),
        ({"op": "shift", "seconds": 1e-10}, "seconds"),
        ({"op": "shift", "seconds": 1e10}, "seconds"),
        ({"op": "shift", "seconds": float("inf")}, "seconds"),
        ({"op": "shift", "zone": "UTC"}, "zone"),
        ({"op": "shift", "zone": "../etc/passwd"}, "zone"),
        ({"op": "scale", "columns": ["trades"], "factor": 2}, "columns[0]"),
        ({"op": "scale", "columns": [], "factor": 2}, "columns"),
        ({"op": "scale", "columns": ["open"]}, "factor"),
        ({"op": "scale", "columns": ["open"], "factor": 1}, "factor"),
        ({"op": "scale", "columns": ["open"], "factor": "1/0"}, "factor"),
        ({"op": "scale", "columns": ["open"], "factor": -1}, "factor"),
        ({"op": "clip_range"}, "from"),
        ({"op": "clip_range", "from": "2024-01-01", "instrument": ""}, "instrument"),
        ({"op": "clip_range", "from": "2024-01-01", "mustMatch": "yes"}, "mustMatch"),
    ],
)
def test_a_wrong_step_is_named_with_its_field(step, field):
    good = {"op": "dedupe"}
    with pytest.raises(recipe.RecipeInvalid) as refused:
        recipe.parse([good, step], kinds.BARS, {"ohlc.inside", "gaps.bars"})
    assert refused.value.details == {"step": 2, "field": field}
    assert refused.value.message.startswith("step 2")


@pytest.mark.parametrize("steps", [None, [], {"op": "dedupe"}, [{"op": "dedupe"}] * 51])
def test_a_recipe_has_one_to_fifty_steps(steps):
    with pytest.raises(recipe.RecipeInvalid):
        recipe.parse(steps, kinds.BARS)


def test_every_step_has_words():
    steps = [
        {"op": "drop", "where": [{"column": "size", "op": "null"}], "instrument": "A"},
        {"op": "drop", "from": "2024-01-01", "to": "2024-01-02"},
        {"op": "drop", "check": "values.zero_price"},
        {"op": "dedupe", "by": ["price"], "keep": "last"},
        {"op": "shift", "seconds": 3600},
        {"op": "scale", "columns": ["price"], "factor": 0.01},
        {"op": "clip_range", "from": "2024-01-01"},
    ]
    assert [recipe.words(step) for step in recipe.parse(steps, kinds.TRADES)] == [
        "drop rows where size null, of A only",
        "drop rows from 2024-01-01T00:00:00Z until before 2024-01-02T00:00:00Z",
        "drop the rows that values.zero_price names",
        "keep the last of rows with equal price",
        "shift by 3600 s",
        "multiply price by 0.01",
        "keep only from 2024-01-01T00:00:00Z until before the end",
    ]
