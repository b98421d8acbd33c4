"""Reading the words of the command line as text, numbers and paths without pydantic, which typer loads for it.

That library costs a fifth of a second at every start. Where typer's parameter objects are not as expected, or a type is
none of ours, nothing is replaced and typer does it itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_origin

import typer

PLAIN = (str, int, float, Path, bool)


class Reader:
    """Reads one parameter; stands in for typer's own runtime parameter."""

    def __init__(self, kind: type, info: Any) -> None:
        self.kind = kind
        self.least, self.most = info.min, info.max

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the value as its type, or values as a list; typer.BadParameter when it is not of that type."""
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        return [self._one(item, param, ctx) for item in value] if several else self._one(value, param, ctx)

    def _one(self, value: Any, param: Any, ctx: Any) -> Any:
        try:
            read = value if isinstance(value, self.kind) else self.kind(value)
        except ValueError:
            word = {int: "whole number", float: "number"}.get(self.kind, self.kind.__name__)
            raise typer.BadParameter(f"{value!r} is not a {word}.", ctx=ctx, param=param) from None
        low, high = self.least is not None and read < self.least, self.most is not None and read > self.most
        if low or high or read != read:
            bounds = f"at least {self.least}" if self.most is None else f"from {self.least} to {self.most}"
            raise typer.BadParameter(f"{value!r} must be {bounds}.", ctx=ctx, param=param)
        return read


def lighten(command: Any) -> Any:
    """Make a command and its verbs read plain types by our readers; returns the command."""
    parameters = command.get_params
    command.get_params = lambda ctx: [light(param) for param in parameters(ctx)]  # with --help, made at need
    for verb in getattr(command, "commands", {}).values():
        lighten(verb)
    return command


def light(param: Any) -> Any:
    """Give a parameter our reader when its type is plain; returns the parameter."""
    descriptor = getattr(param, "type_descriptor", None)
    kind = getattr(descriptor, "annotation", None)
    if get_origin(kind) is list:
        kind = get_args(kind)[0]
    info = getattr(descriptor, "parameter_info", None)
    if kind in PLAIN and hasattr(param, "_runtime_param") and info is not None and not _special(info):
        param._runtime_param = Reader(kind, info)
    return param


def _special(info: Any) -> bool:
    return bool(getattr(info, "parser", None) or getattr(info, "exists", False) or getattr(info, "resolve_path", False))
