"""`nexus api`: any call of the API, with this profile's token."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tradenexus.cli import invocation, params
from tradenexus.cli.client import new_key
from tradenexus.cli.failures import Usage
from tradenexus.cli.plans import literal

app = params.verb()
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")


@app.command()
def api(
    ctx: typer.Context,
    method: Annotated[str, typer.Argument(help=", ".join(METHODS))],
    path: Annotated[str, typer.Argument(help="/v1/datasets, or datasets.")],
    field: Annotated[
        list[str] | None,
        typer.Option("--field", "-F", metavar="K=V", help="Field; numbers, true, null, [..] are JSON."),
    ] = None,
    raw_field: Annotated[
        list[str] | None, typer.Option("--raw-field", "-f", metavar="K=V", help="Field as text.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--input", metavar="FILE", help="Body from a file, - for stdin.")] = None,
    key: Annotated[str | None, typer.Option("--idempotency-key", help="Instead of a fresh one.")] = None,
) -> None:
    """Call the API and print the answer as it is. Example: nexus api POST datasets/ds_.../validate -F profile=strict"""
    nx = invocation.of(ctx)
    method = method.upper()
    if method not in METHODS:
        raise Usage(f"no method {method!r}", why=f"one of {', '.join(METHODS)}")
    fields = _fields(field, literal) | _fields(raw_field, str)
    request: dict[str, Any] = {"headers": {"Idempotency-Key": key or new_key()} if method == "POST" else {}}
    if file is not None:
        if fields:
            raise Usage("--input and fields exclude each other")
        request["content"] = _content(file)
        request["headers"]["Content-Type"] = "application/json"
    elif method in ("GET", "HEAD", "DELETE"):
        request["params"] = fields
    else:
        request["body"] = fields
    where = path if path.startswith(("/", "http://", "https://")) else f"/v1/{path}"
    answer = nx.client.persistent(method, where, **request)
    if answer.body is not None:
        nx.out.line(answer.body) if isinstance(answer.body, str) else nx.out.document(answer.body)
    if not answer.ok:
        raise answer.failure(f"{method} {where}")


def _fields(pairs: list[str] | None, read: Any) -> dict[str, Any]:
    found = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise Usage(f"expected K=V, not {pair!r}")
        found[name] = read(value)
    return found


def _content(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise Usage(f"cannot read {file}", why=error.strerror or str(error)) from error
