"""Recipes of fixes on the command line: read from a file, or said as conditions; and how a preview is shown."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradenexus.cli import waiting
from tradenexus.cli.failures import Usage
from tradenexus.cli.output import Column

if TYPE_CHECKING:
    from tradenexus.cli.invocation import Invocation

Steps = Annotated[str | None, typer.Option("--steps", metavar="FILE|-", help="A JSON list of steps; - reads stdin.")]
Drop = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar="'COLUMN OP VALUE'", help="As in 'close > 1000' or 'high < low'; may be repeated."),
]
Preview = Annotated[bool, typer.Option("--preview", help="Tell what each step would touch, and make nothing.")]

TOUCHED = (
    Column("STEP", "step", right=True),
    Column("WHAT", "words"),
    Column("ROWS", "touched", right=True),
    Column("EXAMPLE", "example", drop=1),
)
_CONDITION = re.compile(r"\s*(\w+)\s*(<=|>=|==|!=|<|>)\s*(\S+)\s*", re.ASCII)


def steps_of(file: str | None, drops: list[str]) -> list[dict[str, Any]]:
    """Return the steps of a file, then a drop for each condition."""
    steps = _read(file) if file else []
    steps += [{"op": "drop", "where": [_condition(text)]} for text in drops]
    if not steps:
        raise Usage("there is no step", why="a fix follows a recipe", hint="give --steps FILE or --drop 'close > 1000'")
    return steps


def show(nx: Invocation, job: dict[str, Any]) -> None:
    """Wait for a preview and print what each step would touch, with the verdict on what would be left."""
    result = waiting.finish(nx, job, what="preview")["result"]
    if nx.out.structured:
        nx.out.document(result)
        return
    steps = [{**step, "example": _example(step)} for step in result["steps"]]
    nx.out.rows(steps, TOUCHED, f"{result['rowsOut']} of {result['rowsIn']} rows would be left: {result['summary']}")


def _read(file: str) -> list[dict[str, Any]]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        steps = json.loads(text)
    except (OSError, ValueError) as fault:
        raise Usage(f"--steps {file} cannot be read", why=str(fault)[:200]) from fault
    steps = steps.get("steps") if isinstance(steps, dict) else steps
    if not isinstance(steps, list):
        raise Usage(f"--steps {file} holds no list of steps", why='it is [{"op": "drop", ...}, ...]')
    return steps


def _condition(text: str) -> dict[str, Any]:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise Usage(f"--drop {text!r} is no condition", why="write COLUMN OP VALUE, as in 'close > 1000'")
    column, op, value = found.groups()
    try:
        return {"column": column, "op": op, "value": json.loads(value)}
    except ValueError:  # not a number: the name of another column
        return {"column": column, "op": op, "other": value}


def _example(step: dict[str, Any]) -> str:
    if not step["samples"]:
        return "must match: this is refused" if step.get("refused") else ""
    first = step["samples"][0]
    before, after = first["before"], first["after"]
    shown = [f"{name} {value}" for name, value in before.items()] if after is None else []
    shown += [f"{name} {before.get(name)} -> {value}" for name, value in (after or {}).items() if before[name] != value]
    return f"row {first['row']}: {', '.join(shown)}"
