"""Recipes on the command line: conditions and files become steps, and what is none is refused before it is sent."""

import json

import pytest

from tradenexus.cli import recipes
from tradenexus.cli.failures import Usage


def test_conditions_become_steps_after_those_of_a_file(tmp_path):
    file = tmp_path / "steps.json"
    file.write_text(json.dumps([{"op": "dedupe"}]))
    assert recipes.steps_of(str(file), ["close > 1000", "high<low", "filled == true"]) == [
        {"op": "dedupe"},
        {"op": "drop", "where": [{"column": "close", "op": ">", "value": 1000}]},
        {"op": "drop", "where": [{"column": "high", "op": "<", "other": "low"}]},
        {"op": "drop", "where": [{"column": "filled", "op": "==", "value": True}]},
    ]


def test_a_file_may_be_a_request_and_may_come_from_the_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", __import__("io").StringIO('{"steps": [{"op": "dedupe"}]}'))
    assert recipes.steps_of("-", []) == [{"op": "dedupe"}]


@pytest.mark.parametrize(("file", "drops"), [(None, []), (None, ["close"]), (None, ["close >> 1"]), ("nowhere", [])])
def test_what_is_no_recipe_is_refused(file, drops):
    with pytest.raises(Usage):
        recipes.steps_of(file, drops)


@pytest.mark.parametrize("text", ["{", "3", '{"op": "dedupe"}'])
def test_a_file_that_holds_no_list_of_steps_is_refused(tmp_path, text):
    file = tmp_path / "steps.json"
    file.write_text(text)
    with pytest.raises(Usage):
        recipes.steps_of(str(file), [])
