"""Builds the command reference of docs/cli.md from the code (`python -m tests.tradenexus.cli.reference` writes it)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from tradenexus.cli import helping
from tradenexus.cli.main import app

PAGE = Path(__file__).resolve().parents[3] / "docs" / "cli.md"
MARK = "<!-- Built from the code by `python -m tests.tradenexus.cli.reference`; change the code, not these lines. -->\n"


def commands() -> list[tuple[str, Any]]:
    """Return (`nexus noun verb`, command) of every command, nouns in the order of `nexus --help`."""
    root: Any = typer.main.get_command(app)
    ctx = root.make_context("nexus", ["help"], resilient_parsing=True)
    found = []
    for noun in root.list_commands(ctx):
        command = root.get_command(ctx, noun)
        verbs = getattr(command, "commands", None)
        found += (
            [(f"nexus {noun} {verb}", sub) for verb, sub in verbs.items()] if verbs else [(f"nexus {noun}", command)]
        )
    return found


def reference() -> str:
    """Return the reference: a heading, what it does, and its arguments and options for each command."""
    root: Any = typer.main.get_command(app)
    return "\n".join([_entry("nexus (global options)", root), *(_entry(name, command) for name, command in commands())])


def _entry(name: str, command: Any) -> str:
    text, examples = helping.parts(command.help)
    words = " ".join(text.split())
    if examples:
        words += "\n\n```sh\n" + "\n".join(examples) + "\n```"
    lines = [_line(param) for param in command.params if not getattr(param, "hidden", False) and param.name != "help"]
    return "\n".join([f"### {name}", "", words, "", *lines, ""] if lines else [f"### {name}", "", words, ""])


def _line(param: Any) -> str:
    names = [*param.opts, *param.secondary_opts]
    shown = param.metavar or param.name.upper() if param.param_type_name == "argument" else ", ".join(names)
    if param.param_type_name == "option" and param.metavar:
        shown += param.metavar if param.metavar.startswith("[") else f" {param.metavar}"
    return f"- `{shown}`: {' '.join((param.help or '').split())}"


if __name__ == "__main__":
    head = PAGE.read_text("utf-8").split(MARK)[0]
    PAGE.write_text(head + MARK + "\n" + reference(), "utf-8")
