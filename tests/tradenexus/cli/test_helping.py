"""Help that can be copied from: every command shows an example, on a line of its own."""

import re

from tests.tradenexus.cli import reference
from tradenexus.cli import helping


def test_every_command_shows_an_example_of_itself():
    shown = {name: helping.parts(command.help)[1] for name, command in reference.commands()}
    wrong = [
        name
        for name, examples in shown.items()
        if not examples
        or not all(
            re.sub(r"^nexus (--\S+ \S+ )?|^source <\(nexus ", "nexus ", line).startswith(name) for line in examples
        )
    ]
    assert wrong == []


def test_examples_stand_before_the_options_and_are_never_wrapped(nexus, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    lines = nexus("upload", "--help").out.splitlines()
    assert lines.index("Examples:") < lines.index("Options:")
    assert "  nexus upload *.parquet --parallel 4 --rate-limit 20M" in lines


def test_help_is_plain_text(nexus):
    for words in ([], ["dataset"], ["dataset", "list"]):
        assert not re.search("[\x1b│╭]", nexus(*words, "--help").out)


def test_a_docstring_is_split_into_what_and_examples():
    assert helping.parts("Do it. Example: nexus a") == ("Do it.", ["nexus a"])
    assert helping.parts("Do it.\n\n    Example: nexus a\n    Example: nexus b\n    ") == (
        "Do it.",
        ["nexus a", "nexus b"],
    )
    assert helping.parts(None) == ("", [])
