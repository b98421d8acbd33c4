"""`--jq`: the jq language over the JSON that a command prints.

The expression is compiled before anything is sent, so that a mistyped one costs no call.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from tradenexus.cli.failures import Usage

EXACT = 2**53  # jq counts in doubles
_PLACE = re.compile(r"jq: error: (?P<what>.*) at <top-level>, line (?P<line>\d+), column (?P<column>\d+):", re.S)


class Filter:
    """A compiled expression; Usage naming line and column when it is none."""

    def __init__(self, expression: str) -> None:
        import jq  # here: only a run with --jq pays for it

        self.expression = expression
        try:
            self._program: Any = jq.compile(expression)
        except ValueError as error:
            raise _mistyped(expression, str(error)) from None

    def results(self, value: Any) -> list[Any]:
        """Return what the expression makes of a value.

        Decimals and integers that a double does not hold are given to it as strings: nothing is rounded.
        """
        try:
            return list(self._program.input_value(_exact(value)))
        except ValueError as error:
            raise Usage(
                f"--jq {self.expression!r} does not fit what came",
                code="JQ_FAILED",
                why=_first_line(str(error)),
                hint="the same command with --json instead of --jq shows what there is",
            ) from None


def _exact(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_exact(item) for item in value]
    long = isinstance(value, int) and abs(value) > EXACT
    return str(value) if long or isinstance(value, Decimal) else value


def _mistyped(expression: str, told: str) -> Usage:
    match = _PLACE.match(told)
    why = f"line {match['line']}, column {match['column']}: {match['what']}" if match else _first_line(told)
    return Usage(f"--jq {expression!r} is no jq expression", code="JQ_SYNTAX", why=why, hint="as in --jq '.[].name'")


def _first_line(told: str) -> str:
    return told.removeprefix("jq: error: ").splitlines()[0]
