"""The first look at a file before it is sent: its first 1 MB and last 64 KB go to `uploads:sniff`, nothing else.

What the server cannot know (a zone, a unit, a column) comes back as questions; flags answer them, or the person does.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradenexus.cli.failures import Usage

if TYPE_CHECKING:
    from tradenexus.cli.invocation import Invocation

HEAD = 1_000_000
TAIL = 64_000
FLAG_OF = {"timezone": "--tz", "timestampUnit": "--ts-unit", "kind": "--kind", "symbol": "--symbol", "venue": "--venue"}
_TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
    ".arrow": "application/vnd.apache.arrow.file",
    ".feather": "application/vnd.apache.arrow.file",
    ".gz": "application/gzip",
    ".zst": "application/zstd",
    ".bz2": "application/x-bzip2",
}


def content_type(path: Path) -> str:
    """Return the media type told by a file's ending."""
    return _TYPES.get(path.suffix.lower(), "application/octet-stream")


def readable(path: Path) -> Path:
    """Return the path of a regular, non-empty file; Usage otherwise."""
    try:
        stat = path.stat()
    except OSError as error:
        raise Usage(f"cannot read {path}", why=error.strerror or str(error)) from error
    if not path.is_file():
        raise Usage(
            f"{path} is not a regular file", why="a pipe or folder cannot be resumed", hint="write it to a file first"
        )
    if stat.st_size == 0:
        raise Usage(f"{path} is empty", why="an upload has at least one byte")
    return path


def ask_server(nx: Invocation, path: Path, answers: dict[str, Any]) -> dict[str, Any]:
    """Return the server's guess about a file, with `answers` (columnMapping, kind, timezone ...) taken as given."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(HEAD)
        tail = b""
        if size > HEAD:
            stream.seek(max(HEAD, size - TAIL))
            tail = stream.read(TAIL)
    body: dict[str, Any] = {"filename": path.name, "sizeBytes": size, "headBase64": base64.b64encode(head).decode()}
    if tail:
        body["tailBase64"] = base64.b64encode(tail).decode()
    return nx.client.post("/v1/datasets/uploads:sniff", body | answers)["sniff"]


def answers_of(
    *,
    mapping: list[str] | None = None,
    tz: str | None = None,
    ts_unit: str | None = None,
    kind: str | None = None,
    symbol: str | None = None,
    venue: str | None = None,
) -> dict[str, Any]:
    """Return the mapping flags as fields of the API; `mapping` is `target=column` pairs."""
    columns: dict[str, str] = {}
    for pair in mapping or []:
        target, equals, column = pair.partition("=")
        if not equals or not target or not column:
            raise Usage(f"--map takes TARGET=COLUMN, not {pair!r}", hint="--map price=px --map ts_event=time")
        if target in columns:
            raise Usage(f"--map names {target} twice")
        columns[target] = column
    given = {
        "columnMapping": columns or None,
        "timezone": tz,
        "timestampUnit": ts_unit,
        "kind": kind,
        "symbol": symbol,
        "venue": venue,
    }
    return {key: value for key, value in given.items() if value is not None}


def settle(nx: Invocation, path: Path, answers: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sniff, ask what is open (on a terminal), return (sniff, answers); Usage lists the flags when nobody is there."""
    sniff = ask_server(nx, path, answers)
    for _ in range(20):
        questions = sniff.get("questions") or []
        if not questions:
            return sniff, answers
        if not nx.interactive():
            raise open_questions(path, questions)
        answers = _answered(nx, questions[0], answers)
        sniff = ask_server(nx, path, answers)
    raise open_questions(path, sniff.get("questions") or [])


def open_questions(path: Path, questions: list[dict[str, Any]]) -> Usage:
    """Return the Usage that names each open question and the flag that answers it."""
    asked = "; ".join(str(question.get("text") or question.get("id")) for question in questions)
    flags = " ".join(dict.fromkeys(_flag(question) for question in questions))
    return Usage(f"{path.name}: the data alone does not tell", code="QUESTIONS_OPEN", why=asked, hint=f"add {flags}",
                 details={"questions": questions})  # fmt: skip


def _flag(question: dict[str, Any]) -> str:
    field = str(question.get("field", ""))
    options = "|".join(str(option) for option in (question.get("options") or [])[:6])
    if field in FLAG_OF:
        return f"{FLAG_OF[field]} {options or '...'}"
    target = field.removeprefix("columnMapping").lstrip(".") or "TARGET"
    return f"--map {target}={options or 'COLUMN'}"


def _answered(nx: Invocation, question: dict[str, Any], answers: dict[str, Any]) -> dict[str, Any]:
    options = [str(option) for option in question.get("options") or []]
    text = str(question.get("text") or question.get("id"))
    reply = nx.ask(f"{text}{' (' + ' | '.join(options) + ')' if options else ''}:").strip()
    if not reply:
        sys.stderr.write("\n")
        raise Usage("stopped: a question was not answered", code="QUESTIONS_OPEN")
    field = str(question.get("field", ""))
    if field in FLAG_OF:
        return answers | {field: reply}
    target = field.removeprefix("columnMapping").lstrip(".")
    return answers | {"columnMapping": answers.get("columnMapping", {}) | {target: reply}}
