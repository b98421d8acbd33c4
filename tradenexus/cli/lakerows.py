"""Rows of the lake on their way into a file or a pipe; a body that breaks off is never taken for the whole."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tradenexus.cli.client import Cut
from tradenexus.cli.failures import Clash, Unreachable

if TYPE_CHECKING:
    from tradenexus.cli.invocation import Invocation

FORMS = ("csv", "parquet", "arrow")


def fetch(nx: Invocation, path: str, params: dict[str, Any], out: Path | None) -> int:
    """Write the rows to `out`, or to the standard output without one; return their bytes.

    A file appears whole or not at all; one that is there is replaced with --yes only.
    """
    if out is None:
        return _write(nx, path, params, sys.stdout.buffer)
    if out.exists() and not nx.options.yes:
        raise Clash(f"{out} is there already", hint="give --yes to replace it")
    part = out.with_name(out.name + ".part")
    try:
        with part.open("wb") as file:
            size = _write(nx, path, params, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return size


def _write(nx: Invocation, path: str, params: dict[str, Any], file: BinaryIO) -> int:
    size = 0
    try:
        with nx.client.stream(path, params, {"Accept": "*/*", "Accept-Encoding": "identity"}) as (answer, blocks):
            if not answer.ok:
                raise answer.failure("lake rows")
            for block in blocks:
                size += file.write(block)
    except Cut as error:
        words = "the rows broke off: what came is not whole"
        raise Unreachable(words, why=str(error), hint="run the same command again") from error
    return size
