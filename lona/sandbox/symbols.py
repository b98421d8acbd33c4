"""Symbols: upload, list, read, delete. A user sees the own ones and the global ones, which are read-only.

A symbol is one row and one CSV file. The file is complete and durable (write, fsync, rename, fsync of the folder)
before its row exists; a deleted symbol keeps its row (marked) and loses its file.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from lona.sandbox import answers, identity, incoming, tape
from lona.sandbox.answers import Refusal
from lona.sandbox.store import Store, new_id, timestamp

_BATCH = 500
_TEXTS = ("name", "exchange", "asset_class", "quote_currency")


async def upload(request: Request) -> Response:
    """Answer {id} for a new symbol; refused: metadata or CSV that does not fit, name taken, too large."""
    owner = identity.caller(request)
    with incoming.scratch(request) as path:
        form = await incoming.receive(request, path)
        if form.file_name is None:
            raise answers.invalid(request, "The part file is missing")
        metadata = _metadata(request, form.fields.get("metadata"))
        _refuse_clash(request, owner, metadata["name"])
        extent = await run_in_threadpool(_checked, request, path, metadata["column_mapping"])
        # No await from here to the answer: the clash check and the insert are one step.
        symbol_id = new_id()
        _refuse_clash(request, owner, metadata["name"])
        place(answers.store_of(request), path, symbol_id)
        ready_at = datetime.now(UTC) + timedelta(seconds=answers.knobs_of(request).symbol_ready_seconds)
        insert(answers.store_of(request), owner, symbol_id, metadata, extent, form.size_bytes, ready_at)
    return answers.data(request, {"id": symbol_id}, 201)


async def list_all(request: Request) -> Response:
    """Answer a page of the caller's symbols, oldest first; with is_global=true the global ones instead."""
    owner = identity.caller(request)
    wanted = request.query_params.get("is_global", "false").lower()
    if wanted not in ("true", "false"):
        raise answers.invalid(request, "is_global must be true or false")
    who = "owner IS NULL AND ? <> ''" if wanted == "true" else "owner = ?"
    where = f"FROM symbol WHERE {who} AND deleted_at IS NULL"
    rows, total, skip = answers.paged(request, f"SELECT count(*) {where}", f"SELECT * {where} ORDER BY n", (owner,))
    return answers.listed(request, [_rendered(request, row) for row in rows], total, skip)


async def get(request: Request) -> Response:
    """Answer one symbol."""
    row = found(answers.store_of(request), identity.caller(request), request.path_params["id"])
    return answers.data(request, _rendered(request, row))


async def get_data(request: Request) -> Response:
    """Answer every bar [{timestamp, open, high, low, close, volume}], streamed from the file."""
    row = found(answers.store_of(request), identity.caller(request), request.path_params["id"])
    if not _is_ready(row):
        return answers.data(request, [])
    knobs, path = answers.knobs_of(request), answers.store_of(request).files / row["file_key"]
    bars = tape.json_rows(path, json.loads(row["metadata"])["column_mapping"], iso=knobs.timestamp_style == "iso")
    frame = ('{"data":[', "]}") if knobs.envelope else ("[", "]")
    return StreamingResponse(_joined(bars, *frame), media_type="application/json")


async def get_file(request: Request) -> Response:
    """Answer the CSV itself under the unguessable key of `file_url`, without credentials, as a signed link does."""
    row = answers.store_of(request).one(
        "SELECT file_key FROM symbol WHERE file_key = ? AND deleted_at IS NULL", (request.path_params["key"],)
    )
    if row is None or not answers.knobs_of(request).file_url:
        raise answers.not_found()
    return FileResponse(answers.store_of(request).files / row["file_key"], media_type="text/csv")


async def delete(request: Request) -> Response:
    """Delete a symbol of the caller: 204; unknown 404, global 403."""
    store = answers.store_of(request)
    row = found(store, identity.caller(request), request.path_params["id"])
    if row["owner"] is None:
        raise Refusal(403, "Global data is read-only", "FORBIDDEN")
    store.write("UPDATE symbol SET deleted_at = ? WHERE id = ?", (timestamp(), row["id"]))
    (store.files / row["file_key"]).unlink(missing_ok=True)
    return Response(status_code=204)


def found(store: Store, owner: str, symbol_id: str, message: str = "Not found") -> sqlite3.Row:
    """Return a symbol that this owner may read (own or global); anything else is 404 with `message`."""
    row = store.one(
        "SELECT * FROM symbol WHERE id = ? AND (owner = ? OR owner IS NULL) AND deleted_at IS NULL", (symbol_id, owner)
    )
    if row is None:
        raise answers.not_found(message)
    return row


def place(store: Store, path: Path, symbol_id: str) -> None:
    """Move a received, already synced file to its place and make the move durable."""
    os.replace(path, store.files / f"{symbol_id}.csv")
    folder = os.open(store.files, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def insert(
    store: Store,
    owner: str | None,
    symbol_id: str,
    metadata: dict[str, Any],
    extent: tape.Extent,
    size_bytes: int,
    ready_at: datetime,
) -> None:
    """Write the row of a symbol whose file is in place; owner None is global."""
    store.write(
        "INSERT INTO symbol (id, owner, name, description, file_name, file_key, rows, size_bytes, start_timestamp,"
        " end_timestamp, frequency, metadata, created_at, ready_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            symbol_id, owner, metadata["name"], metadata["description"], "data.csv", f"{symbol_id}.csv", extent.rows,
            size_bytes, extent.start, extent.end, metadata["frequency"], json.dumps(metadata), timestamp(),
            timestamp(ready_at),
        ),
    )  # fmt: skip


def sync(path: Path) -> None:
    """Make the bytes of a file durable."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _checked(request: Request, path: Path, mapping: dict[str, str]) -> tape.Extent:
    knobs = answers.knobs_of(request)
    try:
        extent = tape.check(path, mapping, knobs.symbol_min_rows, knobs.equal_timestamps)
    except tape.TapeRefused as error:
        raise answers.invalid(request, str(error)) from None
    sync(path)
    return extent


def _refuse_clash(request: Request, owner: str, name: str) -> None:
    status = answers.knobs_of(request).symbol_name_clash
    if not status or request.scope.get("sandbox.repeated"):
        return
    sql = "SELECT 1 FROM symbol WHERE owner = ? AND name = ? AND deleted_at IS NULL"
    if answers.store_of(request).one(sql, (owner, name)):
        raise Refusal(status, "Resource already exists", "CONFLICT")


def _metadata(request: Request, field: bytes | None) -> dict[str, Any]:
    try:
        given = json.loads(field or b"")
    except (ValueError, RecursionError):
        raise answers.invalid(request, "The field metadata is missing or not valid JSON") from None
    if not isinstance(given, dict):
        raise answers.invalid(request, "metadata must be a JSON object")
    if given.get("data_type") != "ohlcv":
        raise answers.invalid(request, 'data_type must be "ohlcv"')
    if not isinstance(given.get("frequency"), str) or given["frequency"] not in tape.FREQUENCIES:
        raise answers.invalid(request, f"frequency must be one of {', '.join(tape.FREQUENCIES)}")
    if given.get("timezone", "UTC") != "UTC":
        raise answers.invalid(request, 'timezone must be "UTC"')
    texts = {name: answers.text_in(request, given, name) for name in _TEXTS}
    description = answers.text_in(request, given, "description", least=0, most=5000, default="")
    mapping = _mapping(request, given.get("column_mapping"))
    fixed = {"data_type": "ohlcv", "frequency": given["frequency"], "timezone": "UTC"}
    return {**texts, **fixed, "description": description, "column_mapping": mapping}


def _mapping(request: Request, given: object) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(column, str) for column in given.values()):
        raise answers.invalid(request, "column_mapping must name a CSV column for each field")
    missing = [name for name in tape.REQUIRED if name not in given]
    unknown = [name for name in given if name not in tape.FIELDS]
    if missing or unknown:
        wrong = f"missing {', '.join(missing)}" if missing else f"unknown {', '.join(map(str, unknown))[:200]}"
        raise answers.invalid(request, f"column_mapping: {wrong}")
    return given


def _rendered(request: Request, row: sqlite3.Row) -> dict[str, Any]:
    metadata, ready = json.loads(row["metadata"]), _is_ready(row)
    shown = {key: row[key] for key in ("id", "name", "description")}
    kept = ("data_type", "exchange", "asset_class", "quote_currency", "column_mapping")
    link = f"{request.base_url}_files/{row['file_key']}" if answers.knobs_of(request).file_url and ready else None
    extent = {key: row[key].replace(" ", "T") + "Z" for key in ("start_timestamp", "end_timestamp")}
    return {
        **shown,
        "is_global": row["owner"] is None,
        "file_url": link,
        "data_range": extent if ready else None,
        "frequencies": [row["frequency"]],
        "type_metadata": {key: metadata[key] for key in kept},
        "created_at": row["created_at"],
        "updated_at": row["created_at"],
    }


def _is_ready(row: sqlite3.Row) -> bool:
    ready: bool = row["ready_at"] <= timestamp()
    return ready


async def _joined(rows: Iterator[str], head: str, tail: str) -> AsyncIterator[str]:
    batch = await run_in_threadpool(_take, rows)
    yield head + ",".join(batch)
    while len(batch) == _BATCH:
        batch = await run_in_threadpool(_take, rows)
        if batch:
            yield "," + ",".join(batch)
    yield tail


def _take(rows: Iterator[str]) -> list[str]:
    return list(islice(rows, _BATCH))
