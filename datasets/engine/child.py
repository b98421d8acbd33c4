"""The child's side: confine, import one function, call it, answer. Run as `python -m datasets.engine.child`.

Two JSON lines come on stdin: {limits, identity}, and, looked at when these hold, {task: "module:function", params}.
Answers go as JSON lines to what was stdout: {"message": {...}} any number of times, then {"result": {...}} or {"error":
{code, message, details, status}}.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import json
import os
import re
import sys
from contextlib import suppress
from typing import Any

from datasets.engine import arrow, confine
from tradenexus.errors import ProblemError

NAME = "nexus-reader"  # what `ps -o comm` and `top` show; a fork has the command line of its server
# A zero byte in a name or a value of the file: PostgreSQL stores none, neither in text nor in JSON.
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def main() -> int:
    """Serve one request; the exit code is 0 when an answer was sent."""
    with suppress(OSError), open("/proc/self/comm", "w") as name:
        name.write(NAME)
    answers = os.dup(1)
    # Whatever a library prints must not be taken for an answer.
    os.dup2(2, 1)
    asked = sys.stdin.buffer
    confinement = json.loads(asked.readline())
    held = confine.apply(confinement["limits"], confinement["identity"])
    request = json.loads(asked.readline())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    if request["task"] == "datasets.engine.child:protections":
        held["own_uid"] = held["own_uid"] and _code_is_readable()
        _send(answers, {"result": held})
        return 0
    _send(answers, _answer(answers, request["task"], request["params"]))
    return 0


def _answer(answers: int, task: str, params: dict[str, Any]) -> dict[str, Any]:
    module, _, name = task.partition(":")

    def emit(message: dict[str, Any]) -> None:
        _send(answers, {"message": message})

    arrow.alone()
    # Loading counts too: a limit that is too small for the libraries must say so, not look like a crash.
    try:
        function = getattr(importlib.import_module(module), name)
        return {"result": function(params, emit)}
    except ProblemError as problem:
        return _error(problem.code, problem.message, problem.details, problem.status)
    except MemoryError:
        return _error("MEMORY_LIMIT", "Reading this needs more memory than it is allowed.", {}, 422)
    except OSError as fault:
        if fault.errno == errno.EFBIG:
            return _error("OUTPUT_LIMIT", "The result would be larger than one file is allowed to be.", {}, 422)
        if fault.errno == errno.ENOSPC:
            return _error("DISK_FULL", "There is no space left to write the result.", {}, 503)
        raise


def _code_is_readable() -> bool:
    libraries = [importlib.util.find_spec(name) for name in ("datasets", "pyarrow", "numpy")]
    paths = [sys.executable, *(each for each in sys.path if os.path.isabs(each) and not each.endswith(".zip"))]
    paths += [str(each.origin) for each in libraries if each]
    return all(libraries) and all(os.access(path, os.R_OK) for path in paths)


def _error(code: str, message: str, details: dict[str, Any], status: int) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "details": details, "status": status}}


def _send(answers: int, message: dict[str, Any]) -> None:
    text = _NUL.sub(r"\1\\ufffd", json.dumps(message, separators=(",", ":"), default=str))
    data = memoryview(text.encode() + b"\n")
    while data:
        data = data[os.write(answers, data) :]


if __name__ == "__main__":
    sys.exit(main())
