"""`--jq`: what a person asks of the JSON, one result a line, nothing rounded; mistakes are found before a call."""

import subprocess
import sys
from decimal import Decimal

import pytest

from tradenexus.cli.failures import Usage
from tradenexus.cli.filtering import Filter


def test_results_are_printed_one_a_line_and_strings_raw(platform, nexus):
    platform.dataset("btc")
    platform.dataset('e"th')
    assert sorted(nexus("dataset", "list", "--jq", ".[].name").out.splitlines()) == ["btc", 'e"th']
    assert nexus("dataset", "list", "--jq", "length").out == "2\n"
    assert nexus("dataset", "show", "btc", "--jq", "{name, symbols}").json == {"name": "btc", "symbols": ["BTC-USD"]}
    assert nexus("dataset", "list", "--jq", "empty").out == ""


def test_it_is_given_what_json_would_have_printed(platform, nexus):
    platform.dataset("btc")
    assert nexus("dataset", "list", "--json=name", "--jq", ".[0] | keys[]").out == "name\n"
    assert nexus("--jq=.key", "config", "get", "url").out == "url\n"
    assert nexus("dataset", "head", "btc", "--jq", ".[0].price | type").out == "string\n"


def test_nothing_is_rounded():
    given = {"price": Decimal("0.1000000000000000055"), "id": 1767225600123456789, "small": 7, "list": [2**53 + 1]}
    assert Filter(".").results(given) == [
        {"price": "0.1000000000000000055", "id": "1767225600123456789", "small": 7, "list": [str(2**53 + 1)]}
    ]


@pytest.mark.parametrize(
    ("expression", "place"),
    [(".[", "line 1, column 2"), (".a | nope", "line 1, column 6"), (".\n| $x", "line 2, column 3")],
)
def test_a_bad_expression_is_usage_naming_the_place_and_nothing_is_sent(platform, nexus, expression, place):
    ran = nexus("dataset", "list", "--jq", expression)
    assert (ran.code, ran.out, platform.seen) == (2, "", [])
    assert ran.err.splitlines()[-2].startswith(f"why:   {place}: ")
    assert nexus("--json", "dataset", "list", "--jq", expression).error["code"] == "JQ_SYNTAX"


def test_an_expression_that_does_not_fit_is_usage_too(platform, nexus):
    ran = nexus("dataset", "list", "--jq", ".name")
    assert (ran.code, "Cannot index array" in ran.err) == (2, True)
    with pytest.raises(Usage, match="does not fit"):
        Filter("error(1)").results({})


def test_it_needs_a_value_and_one_way_of_printing(platform, nexus):
    assert nexus("dataset", "list", "--jq").code == 2
    assert nexus("--jsonl", "--jq", ".", "dataset", "list").code == 2


def test_what_is_no_json_is_refused(platform, nexus):
    platform.dataset("btc")
    for words in (["completion", "bash"], ["audit", "export"], ["dataset", "head", "btc", "--format", "csv"]):
        assert nexus(*words, "--jq", ".").code == 2


def test_the_library_is_loaded_only_when_it_is_used(platform):
    code = (
        "import sys\nfrom tradenexus.cli.main import app\n"
        "try:\n    app(['dataset', 'list', *sys.argv[1:]])\nexcept SystemExit:\n    print('jq' in sys.modules)"
    )
    for words, loaded in ([], "False"), (["--jq", "."], "True"):
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == loaded
