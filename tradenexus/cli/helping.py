"""What `--help` shows: what a command does, examples to copy, then its options. Written plainly, without boxes.

The examples stand in the docstring of the command, each after `Example:`.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

_EXAMPLE = re.compile(r"\s*\bExample: ")


def parts(help_: str | None) -> tuple[str, list[str]]:
    """Split a docstring into what the command does and its examples."""
    text, *examples = _EXAMPLE.split(inspect.cleandoc(help_ or ""))
    return text, [" ".join(example.split()) for example in examples]


def dress(command: Any) -> Any:
    """Make a command and its verbs show their examples as lines of their own; returns the command."""
    command.format_help_text = lambda ctx, formatter: write(command, formatter)
    for verb in getattr(command, "commands", {}).values():
        dress(verb)
    return command


def write(command: Any, formatter: Any) -> None:
    """Write what a command does, then its examples."""
    text, examples = parts(command.help)
    formatter.write_paragraph()
    with formatter.indentation():
        formatter.write_text(text)
    if not examples:
        return
    with formatter.section("Examples" if len(examples) > 1 else "Example"):
        for example in examples:  # a wrapped command cannot be copied
            formatter.write(f"{'':{formatter.current_indent}}{example}\n")
