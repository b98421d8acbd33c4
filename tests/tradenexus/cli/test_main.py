"""The program as a whole: what it imports, how it starts, its documentation."""

import subprocess
import sys

import pytest

from tests.tradenexus.cli import reference
from tradenexus.cli import config, failures
from tradenexus.cli.main import COMMANDS, hoist

HEAVY = (
    "django",
    "rest_framework",
    "httpx",
    "rich",
    "datasets",
    "backfill",
    "lona",
    "tradenexus.jobs",
    "tradenexus.tenancy",
)


def test_the_reference_in_the_docs_is_what_the_code_says():
    page = reference.PAGE.read_text("utf-8")
    assert page.split(reference.MARK)[1].strip() == reference.reference().strip(), (
        "docs/cli.md is behind the code; rebuild it: python -m tests.tradenexus.cli.reference"
    )


def test_the_docs_name_every_exit_code_and_setting():
    page = reference.PAGE.read_text("utf-8")
    for code, meaning in failures.EXIT_CODES:
        assert f"| {code} | {meaning} |" in page
    for key, default in config.DEFAULTS.items():
        assert f"| `{key}` | `{config.ENVIRONMENT[key]}` | `{default}` |" in page


def test_every_command_says_what_it_does():
    assert [name for name, command in reference.commands() if not command.help] == []


@pytest.mark.parametrize("noun", COMMANDS)
def test_every_noun_has_help(nexus, noun):
    ran = nexus(noun, "--help")
    assert (ran.code, "Usage: nexus" in ran.out) == (0, True)


def test_starting_imports_neither_the_apps_nor_what_a_command_does_not_need():
    code = (
        "import sys, tradenexus.cli.main as m, tradenexus.cli.commands.config;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_whole_run_imports_no_app_and_no_django(platform, trades):
    code = (
        "import sys\nfrom tradenexus.cli.main import app\n"
        f"try:\n    app(['upload', {str(trades)!r}, '--wait'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = ('django', 'datasets', 'backfill', 'lona', 'pyarrow', 'pydantic', 'rich')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_a_mistyped_noun_or_option_is_usage_with_a_suggestion(nexus):
    ran = nexus("datset", "list")
    assert (ran.code, "did you mean dataset?" in ran.err) == (2, True)
    ran = nexus("dataset", "lst")
    assert (ran.code, "did you mean list?" in ran.err) == (2, True)
    assert nexus("dataset", "list", "--stat", "x").code == 2
    assert nexus("--json", "dataset", "list", "--stat", "x").error["code"] == "USAGE"


@pytest.mark.parametrize(
    "words", [["datset"], ["dataset", "show", "x"], ["config", "get", "x"], ["dataset", "list", "--stat"], ["help"]]
)
def test_an_error_says_what_why_and_what_comes_next(platform, nexus, words):
    heads = [line.split(":")[0] for line in nexus(*words).err.splitlines()]
    assert heads == ["error", "why", "next"]


def test_without_a_command_the_help_is_shown(nexus):
    ran = nexus()
    assert ran.code == 2
    assert "dataset" in ran.out


def test_options_that_exclude_each_other_are_refused(nexus):
    assert nexus("--json", "--jsonl", "config", "path").code == 2
    assert nexus("--utc", "--local", "config", "path").code == 2


def test_an_unexpected_error_is_told_in_one_piece(nexus, monkeypatch):
    monkeypatch.setattr(config, "config_path", lambda: 1 / 0)
    ran = nexus("config", "path")
    assert (ran.code, ran.err.splitlines()[0]) == (1, "error: unexpected error in nexus itself")
    assert "Traceback" not in ran.err
    assert "Traceback" in nexus("-v", "config", "path").err


def test_the_version_is_printed(process):
    ran = process("--version")
    assert (ran.code, ran.out.split()[0]) == (0, "nexus")


@pytest.mark.parametrize(
    ("given", "hoisted"),
    [
        (["a", "--json"], ["--json=*", "a"]),
        (["a", "--url", "http://x", "b"], ["--url", "http://x", "a", "b"]),
        (["a", "--", "--json"], ["a", "--", "--json"]),
        (
            ["--profile", "pi", "validate", "x", "--profile", "strict"],
            ["--profile", "pi", "validate", "x", "--profile", "strict"],
        ),
    ],
)
def test_global_options_are_moved_to_the_front(given, hoisted):
    assert hoist(given) == hoisted


def test_topics_are_explained(nexus):
    assert "gate failed" in nexus("help", "exit-codes").out
    assert "name@7" in nexus("help", "refs").out or "btc@7" in nexus("help", "refs").out
    assert "NEXUS_TOKEN" in nexus("help", "environment").out
    assert nexus("help", "nothing").code == 2


@pytest.mark.parametrize("words", [["-L", "0"], ["-L", "x"], ["-L", "1.5"], ["--timeout", "-1"], ["--timeout", "nan"]])
def test_a_number_out_of_its_range_is_usage(platform, nexus, words):
    assert nexus("dataset", "list", *words).code == 2
    assert platform.seen == []
