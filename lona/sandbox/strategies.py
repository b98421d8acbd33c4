"""Strategies: created from a description (as Lona's agent does) or from code, listed, read; never executed."""

from __future__ import annotations

import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lona.sandbox import answers, identity, recipes
from lona.sandbox.answers import Refusal
from lona.sandbox.store import Store, new_id, timestamp

CODE_MAX = 200_000


async def create_by_agent(request: Request) -> Response:
    """Answer {strategyId, name, code, explanation} for a description of at least 10 characters.

    The recipe is picked by name or words in the description; the explanation says which one and, when none was
    recognised, that the fall-back was taken (or refuses, by the knob `unknown_strategy`).
    """
    owner = identity.caller(request)
    body = await answers.body_of(request)
    description = answers.text_in(request, body, "description", least=10, most=20_000)
    for optional in ("provider", "model"):
        answers.text_in(request, body, optional, default="")
    found = recipes.described(description)
    if found is None and answers.knobs_of(request).unknown_strategy == "refuse":
        raise Refusal(422, f"{recipes.PROVIDER} knows only {', '.join(recipes.RECIPES)}", "STRATEGY_UNKNOWN")
    recipe, parameters = found or ("buy_and_hold", {})
    strategy_id = new_id()
    name = answers.text_in(request, body, "name", default=f"{recipe} {strategy_id[:8]}")
    explanation = _explained(recipe, parameters, recognised=found is not None)
    row = {"id": strategy_id, "name": name, "code": recipes.code_of(recipe, parameters), "version": "1.0.0"}
    _insert(request, owner, {**row, "description": description, "explanation": explanation})
    return answers.data(
        request, {"strategyId": strategy_id, "name": name, "code": row["code"], "explanation": explanation}
    )


async def create(request: Request) -> Response:
    """Answer {id} for a strategy given as Python code."""
    owner = identity.caller(request)
    body = await answers.body_of(request)
    if body.get("language", "python") != "python":
        raise answers.invalid(request, 'language must be "python"')
    row = {
        "id": new_id(),
        "name": answers.text_in(request, body, "name"),
        "code": answers.text_in(request, body, "code", most=CODE_MAX),
        "description": answers.text_in(request, body, "description", least=0, most=20_000, default=""),
        "version": answers.text_in(request, body, "version", most=40, default="1.0.0"),
        "explanation": "",
    }
    _insert(request, owner, row)
    return answers.data(request, {"id": row["id"]}, 201)


async def list_all(request: Request) -> Response:
    """Answer a page of the caller's strategies, oldest first, without code."""
    owner = identity.caller(request)
    where = "FROM strategy WHERE owner = ?"
    rows, total, skip = answers.paged(request, f"SELECT count(*) {where}", f"SELECT * {where} ORDER BY n", (owner,))
    return answers.listed(request, [_rendered(row) for row in rows], total, skip)


async def get(request: Request) -> Response:
    """Answer one strategy without its code."""
    return answers.data(request, _rendered(found(request, identity.caller(request), request.path_params["id"])))


async def get_code(request: Request) -> Response:
    """Answer {id, code, language} of one strategy."""
    row = found(request, identity.caller(request), request.path_params["id"])
    return answers.data(request, {"id": row["id"], "code": row["code"], "language": row["language"]})


def found(request: Request, owner: str, strategy_id: str, message: str = "Not found") -> sqlite3.Row:
    """Return a strategy of this owner; anything else is 404 with `message`."""
    row = answers.store_of(request).one("SELECT * FROM strategy WHERE id = ? AND owner = ?", (strategy_id, owner))
    if row is None:
        raise answers.not_found(message)
    return row


def _insert(request: Request, owner: str, row: dict[str, str]) -> None:
    store, now = answers.store_of(request), timestamp()
    with store.transaction():
        _refuse_clash(request, store, owner, row["name"])
        store.write(
            "INSERT INTO strategy (id, owner, name, code, description, explanation, version, language,"
            " created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'python', ?, ?)",
            (
                row["id"],
                owner,
                row["name"],
                row["code"],
                row["description"],
                row["explanation"],
                row["version"],
                now,
                now,
            ),
        )


def _refuse_clash(request: Request, store: Store, owner: str, name: str) -> None:
    status = answers.knobs_of(request).strategy_name_clash
    if not status or request.scope.get("sandbox.repeated"):
        return
    if store.one("SELECT 1 FROM strategy WHERE owner = ? AND name = ?", (owner, name)):
        raise Refusal(status, "Resource already exists", "CONFLICT")


def _explained(recipe: str, parameters: dict[str, int], recognised: bool) -> str:
    values = ", ".join(f"{key} {value}" for key, value in parameters.items())
    doing = f"{recipes.PROVIDER} runs {recipe}{f' ({values})' if values else ''}: {recipes.RECIPES[recipe].rule}."
    unknown = f" The description named none of {', '.join(recipes.RECIPES)}, so this is the fall-back."
    return doing if recognised else doing + unknown


def _rendered(row: sqlite3.Row) -> dict[str, Any]:
    shown = ("id", "name", "description", "version", "language", "created_at", "updated_at")
    return {**{key: row[key] for key in shown}, "explanation": row["explanation"], "provider": recipes.PROVIDER}
