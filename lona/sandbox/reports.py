"""Starting a run and reading its report. The report's row is the job: `runs` carries it from PENDING to its end."""

from __future__ import annotations

import json
import math
import sqlite3
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lona.sandbox import answers, identity, recipes, strategies, symbols
from lona.sandbox.store import new_id, timestamp

DATA_MAX = 50
SIMULATION = {"initial_cash": 100_000.0, "commission": 0.001, "leverage": 1.0, "buy_on_close": True}


async def run(request: Request) -> Response:
    """Answer {report_id}; refused: unknown strategy or data (404), dates or simulation values that do not fit."""
    owner = identity.caller(request)
    body = await answers.body_of(request)
    strategy_id = answers.text_in(request, body, "strategy_id")
    strategy = strategies.found(request, owner, strategy_id, f"Strategy {strategy_id} not found")
    data_ids = _data_ids(request, body)
    store = answers.store_of(request)
    named = [symbols.found(store, owner, data_id, f"Data {data_id} not found")["name"] for data_id in data_ids]
    start, end = _dates(request, body)
    job = {
        "data_ids": data_ids,
        "start_date": start,
        "end_date": end,
        "parameters": _parameters(request, body),
        "simulation": _simulation(request, body),
    }
    name = f"{strategy['name']} on {', '.join(named)} {start} to {end}"[:500]
    report_id, now, forced = new_id(), timestamp(), request.scope.get("sandbox.fail_report")
    store.write(
        "INSERT INTO report (id, owner, strategy_id, name, description, request, status, forced_failure, created_at,"
        " updated_at) VALUES (?, ?, ?, ?, ?, ?, 'PENDING', ?, ?, ?)",
        (report_id, owner, strategy_id, name, _described(strategy), json.dumps(job), forced, now, now),
    )
    request.app.state.runs.wake()
    return answers.data(request, {"report_id": report_id})


async def get_status(request: Request) -> Response:
    """Answer {status, progress}."""
    row = _found(request, "status, progress")
    return answers.data(request, {"status": row["status"], "progress": row["progress"]})


async def get(request: Request) -> Response:
    """Answer the report without its curve."""
    return answers.data(request, _rendered(_found(request, _COLUMNS)))


async def get_full(request: Request) -> Response:
    """Answer the report with backtest_timeline, parameters, trades and, after a failure, stderr and traceback."""
    row = _found(request, f"{_COLUMNS}, request, result, stderr")
    head = _rendered(row)
    if row["status"] != "COMPLETED":
        given = [{"name": name, "value": value} for name, value in json.loads(row["request"])["parameters"].items()]
        trace = row["stderr"] if row["stderr"] and "Traceback" in row["stderr"] else None
        rest = {"backtest_timeline": [], "parameters": given, "trades": [], "stderr": row["stderr"], "traceback": trace}
        return answers.data(request, {**head, **rest})
    # The result is JSON text already, possibly megabytes of it: it is joined, not parsed.
    whole = answers.encoded({**head, "stderr": "", "traceback": None})[:-1] + b"," + row["result"].encode()[1:]
    if answers.knobs_of(request).envelope:
        whole = b'{"data":' + whole + b"}"
    return Response(whole, media_type="application/json")


_COLUMNS = "id, strategy_id, status, name, description, created_at, updated_at, total_stats, error"


def _found(request: Request, columns: str) -> sqlite3.Row:
    owner, report_id = identity.caller(request), request.path_params["id"]
    sql = f"SELECT {columns} FROM report WHERE id = ? AND owner = ?"  # noqa: S608 - the columns are ours
    row = answers.store_of(request).one(sql, (report_id, owner))
    if row is None:
        raise answers.not_found()
    return row


def _rendered(row: sqlite3.Row) -> dict[str, Any]:
    kept = ("id", "strategy_id", "status", "name", "description", "created_at", "updated_at")
    stats = json.loads(row["total_stats"]) if row["total_stats"] and row["status"] == "COMPLETED" else None
    return {**{key: row[key] for key in kept}, "total_stats": stats, "error": row["error"]}


def _described(strategy: sqlite3.Row) -> str:
    about = strategy["explanation"] or strategy["description"]
    return f"Provider: {recipes.PROVIDER}. A small local simulation, not a run at Lona. {about}".strip()[:5000]


def _data_ids(request: Request, body: dict[str, Any]) -> list[str]:
    given = body.get("data_ids")
    if not isinstance(given, list) or not 1 <= len(given) <= DATA_MAX or not all(isinstance(one, str) for one in given):
        raise answers.invalid(request, f"data_ids must be a list of 1 to {DATA_MAX} ids")
    if len(set(given)) != len(given):
        raise answers.invalid(request, "data_ids names an id twice")
    # Through the same door as every text: what SQLite cannot hold is refused, not an error.
    return [answers.text_in(request, {"data_ids": one}, "data_ids") for one in given]


def _dates(request: Request, body: dict[str, Any]) -> tuple[str, str]:
    try:
        start, end = (
            date.fromisoformat(answers.text_in(request, body, key, 10, 10)) for key in ("start_date", "end_date")
        )
    except ValueError:
        raise answers.invalid(request, "start_date and end_date must be YYYY-MM-DD") from None
    if start > end or end == date.max:
        raise answers.invalid(request, "start_date must not be after end_date")
    return start.isoformat(), end.isoformat()


def _parameters(request: Request, body: dict[str, Any]) -> dict[str, Any]:
    given = body.get("parameters") or []
    if isinstance(given, dict):
        given = [{"name": name, "value": value} for name, value in given.items()]
    if not isinstance(given, list) or len(given) > 100:
        raise answers.invalid(request, "parameters must be a list of {name, value}")
    found: dict[str, Any] = {}
    for one in given:
        if not isinstance(one, dict) or "value" not in one:
            raise answers.invalid(request, "parameters must be a list of {name, value}")
        found[answers.text_in(request, one, "name")] = one["value"]
    return found


def _simulation(request: Request, body: dict[str, Any]) -> dict[str, Any]:
    given = body.get("simulation_parameters") or {}
    schema = given.get("commission_schema") or {} if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(schema, dict):
        raise answers.invalid(request, "simulation_parameters must be an object, commission_schema in it too")
    values = {**SIMULATION, **{key: schema[key] for key in ("commission", "leverage") if key in schema}}
    values.update({key: given[key] for key in ("initial_cash", "buy_on_close") if key in given})
    if not isinstance(values["buy_on_close"], bool):
        raise answers.invalid(request, "buy_on_close must be true or false")
    return {
        "initial_cash": _within(request, "initial_cash", values["initial_cash"], 1e-9, 1e15),
        "commission": _within(request, "commission", values["commission"], 0.0, 0.5),
        "leverage": _within(request, "leverage", values["leverage"], 1e-9, 100.0),
        "buy_on_close": values["buy_on_close"],
    }


def _within(request: Request, name: str, value: object, least: float, most: float) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not (least <= value <= most and math.isfinite(value))
    ):
        raise answers.invalid(request, f"{name} must be a number from {least:g} to {most:g}")
    return float(value)
