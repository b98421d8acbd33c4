"""The three strategies that the sandbox can run, and how one is told from a description or from code.

The sandbox never executes a strategy's Python: it looks for the name of a recipe in it, and takes the recipe's
parameters from `parameters[]`, else from `PARAMETERS = {...}` in the code, else the defaults here. No numpy here.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

PROVIDER = "Sandbox (local)"
WINDOW_MAX = 5000


class CodeError(Exception):
    """The strategy's code or parameters cannot be run: it does not parse, names no recipe, or a parameter is wrong."""


@dataclass(frozen=True)
class Recipe:
    """A strategy the simulator knows: defaults of its whole-number parameters, and words that describe it."""

    name: str
    rule: str
    parameters: Mapping[str, int]
    words: str  # a regular expression over the lower-case description


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "sma_cross",
            "long from the bar whose fast average close crosses above the slow one, flat from the bar it crosses below",
            {"fast": 10, "slow": 30},
            r"\bsmas?\b|moving averages?|cross(over|es|ing)?\b|golden cross",
        ),
        Recipe(
            "breakout",
            "long from a close above the highest high of the `lookback` bars before, flat below their lowest low",
            {"lookback": 20},
            r"break ?outs?\b|donchian|\bchannel|highest high",
        ),
        Recipe("buy_and_hold", "long from the first bar to the last", {}, r"\bhold\b|\bholding\b"),
    )
}


def described(description: str) -> tuple[str, dict[str, int]] | None:
    """Return (recipe name, parameters) that a description asks for, or None when it names none.

    An exact name wins over a word; numbers are taken as "fast 5", "slow=20", "lookback of 55", else in order.
    """
    plain = _plain(description)
    named = [name for name in RECIPES if _plain(name) in plain]
    worded = [name for name, recipe in RECIPES.items() if re.search(recipe.words, description.lower())]
    if not named and not worded:
        return None
    name = (named or worded)[0]
    return name, _numbers(description, RECIPES[name])


def code_of(name: str, parameters: Mapping[str, int]) -> str:
    """Return the code text that stands for a recipe; it parses as Python and says that it is not executed."""
    return (
        f'"""{PROVIDER}: this text names a built-in strategy; the sandbox does not execute Python.\n\n'
        f'{RECIPES[name].rule}\n"""\n\nSTRATEGY = "{name}"\nPARAMETERS = {json.dumps(dict(parameters))}\n'
    )


def chosen(code: str, description: str, given: Mapping[str, object]) -> tuple[str, dict[str, int]]:
    """Return (recipe name, complete parameters) for a run; raises CodeError or SyntaxError."""
    tree = ast.parse(code, filename="strategy.py")
    constants = _constants(tree)
    name = constants.get("STRATEGY")
    if not isinstance(name, str) or name not in RECIPES:
        name = next((known for known in RECIPES if _plain(known) in _plain(code + " " + description)), None)
    if name is None:
        raise CodeError(f"{PROVIDER} does not execute Python and found none of {', '.join(RECIPES)} in this strategy")
    written = constants.get("PARAMETERS")
    values: dict[str, object] = {**RECIPES[name].parameters, **(written if isinstance(written, dict) else {}), **given}
    return name, _validated(RECIPES[name], values)


def _validated(recipe: Recipe, values: Mapping[str, object]) -> dict[str, int]:
    checked: dict[str, int] = {}
    for key, value in values.items():
        if key not in recipe.parameters:
            raise CodeError(f"{recipe.name} has no parameter {key!r}; it has {', '.join(recipe.parameters) or 'none'}")
        number = _whole(value)
        if number is None or not 1 <= number <= WINDOW_MAX:
            raise CodeError(f"{key} must be a whole number from 1 to {WINDOW_MAX}, not {value!r}")
        checked[key] = number
    if recipe.name == "sma_cross" and checked["fast"] >= checked["slow"]:
        raise CodeError(f"fast ({checked['fast']}) must be smaller than slow ({checked['slow']})")
    return checked


def _whole(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value == value // 1 else None


def _constants(tree: ast.Module) -> dict[str, object]:
    found: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue  # not a constant: nothing the sandbox reads
    return found


def _numbers(description: str, recipe: Recipe) -> dict[str, int]:
    values = dict(recipe.parameters)
    named = {
        key: int(match.group(1))
        for key in values
        if (match := re.search(rf"{key}\w*[^\d\n]{{0,12}}(\d{{1,4}})\b", description, re.IGNORECASE))
    }
    loose = [int(number) for number in re.findall(r"(?<![\d.:-])\d{1,4}(?![\d.:%-])", description)]
    if named:
        values.update(named)
    elif len(loose) >= len(values):
        values.update(zip(values, sorted(loose[: len(values)]), strict=True))
    try:
        return _validated(recipe, values)
    except CodeError:
        return dict(recipe.parameters)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
