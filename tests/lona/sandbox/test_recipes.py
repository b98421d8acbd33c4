"""Telling a strategy from words and from code."""

from __future__ import annotations

import pytest

from lona.sandbox import recipes
from lona.sandbox.recipes import CodeError


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("buy_and_hold please", ("buy_and_hold", {})),
        ("Buy and hold for the long run", ("buy_and_hold", {})),
        ("sma_cross fast=5 slow=20", ("sma_cross", {"fast": 5, "slow": 20})),
        ("Cross of the 50 and 200 day moving averages", ("sma_cross", {"fast": 50, "slow": 200})),
        ("a fast average of 5 days crossing the slow one", ("sma_cross", {"fast": 5, "slow": 30})),
        ("A simple SMA strategy", ("sma_cross", {"fast": 10, "slow": 30})),
        ("Donchian channel of 55 bars", ("breakout", {"lookback": 55})),
        ("breakout with lookback 10, then hold", ("breakout", {"lookback": 10})),
        ("sma_cross fast 30 slow 10", ("sma_cross", {"fast": 10, "slow": 30})),
    ],
)
def test_a_description_names_a_recipe_and_its_numbers(description, expected):
    assert recipes.described(description) == expected


@pytest.mark.parametrize("description", ["mean reversion by RSI", "small caps above a threshold", "0123456789"])
def test_a_description_may_name_none(description):
    assert recipes.described(description) is None


def test_generated_code_chooses_its_own_recipe():
    for name, recipe in recipes.RECIPES.items():
        code = recipes.code_of(name, recipe.parameters)
        assert recipes.chosen(code, "", {}) == (name, dict(recipe.parameters))


def test_parameters_of_the_run_win_over_those_in_the_code():
    code = recipes.code_of("sma_cross", {"fast": 5, "slow": 20})
    assert recipes.chosen(code, "", {"fast": "7", "slow": 50.0}) == ("sma_cross", {"fast": 7, "slow": 50})


def test_a_name_in_foreign_code_is_enough():
    assert recipes.chosen("class SmaCross(Strategy):\n    pass\n", "", {})[0] == "sma_cross"


@pytest.mark.parametrize(
    ("code", "given", "message"),
    [
        ("print('hello')", {}, "does not execute Python"),
        ('STRATEGY = "breakout"', {"fast": 3}, "no parameter 'fast'"),
        ('STRATEGY = "breakout"', {"lookback": 0}, "whole number"),
        ('STRATEGY = "breakout"', {"lookback": 2.5}, "whole number"),
        ('STRATEGY = "breakout"', {"lookback": True}, "whole number"),
        ('STRATEGY = "breakout"', {"lookback": 10**9}, "whole number"),
        ('STRATEGY = "breakout"', {"lookback": float("inf")}, "whole number"),
        ('STRATEGY = "sma_cross"', {"fast": 30, "slow": 30}, "smaller than slow"),
    ],
)
def test_what_cannot_run_is_a_code_error(code, given, message):
    with pytest.raises(CodeError, match=message):
        recipes.chosen(code, "", given)


def test_code_that_does_not_parse_is_a_syntax_error():
    with pytest.raises(SyntaxError):
        recipes.chosen("def broken(:", "", {})


def test_code_is_never_executed(tmp_path):
    trap = tmp_path / "executed"
    code = f"open({str(trap)!r}, 'w')\nSTRATEGY = 'buy_and_hold'\nPARAMETERS = dict(a=open({str(trap)!r}, 'w'))\n"
    assert recipes.chosen(code, "", {}) == ("buy_and_hold", {})
    assert not trap.exists()
