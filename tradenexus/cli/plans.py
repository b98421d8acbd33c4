"""The body of a backtest, from a YAML or JSON file and from flags; numbers and dates are sent as they were written."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradenexus.cli import references
from tradenexus.cli.failures import Usage

if TYPE_CHECKING:
    from tradenexus.cli.client import Client

FIELDS = [
    "strategy",
    "strategyId",
    "datasets",
    "datasetIds",
    "dataIds",
    "startDate",
    "endDate",
    "initialCash",
    "parameters",
    "commission",
    "leverage",
    "buyOnClose",
    "missingData",
]


def given(flags: dict[str, Any]) -> dict[str, Any]:
    """Return the flags that stood on the command line."""
    return {key: value for key, value in flags.items() if value is not None}


def backtest(
    client: Client, file: Path | None, flags: dict[str, Any], *, strategy_needed: bool = True
) -> tuple[str, dict[str, Any]]:
    """Return (strategy id, body of the POST): REFs resolved to ids, versions kept as `ds_...@7`."""
    plan = (_read(file) if file else {}) | flags
    unknown = sorted(set(plan) - set(FIELDS))
    if unknown:
        raise Usage(f"{file}: unknown field {', '.join(unknown)}", why=f"fields: {', '.join(FIELDS)}")
    strategy = plan.pop("strategyId", None) or plan.pop("strategy", None)
    plan.pop("strategy", None)
    refs = plan.pop("datasets", None) or plan.pop("datasetIds", None) or []
    for need, there in (
        ("a strategy", strategy or not strategy_needed),
        ("data", refs or plan.get("dataIds")),
        ("a start", plan.get("startDate")),
        ("an end", plan.get("endDate")),
    ):
        if not there:
            raise Usage(
                f"a backtest needs {need}", hint="--strategy S --dataset REF --start DAY --end DAY, or -f bt.yaml"
            )
    refs = [refs] if isinstance(refs, str) else refs
    if refs:
        plan["datasetIds"] = [str(references.resolve(client, str(ref))) for ref in refs]
    numbers = {key: number(plan[key]) for key in ("initialCash", "commission", "leverage") if key in plan}
    return references.strategy_id(client, str(strategy)) if strategy else "", plan | numbers


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        plan = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Usage(f"cannot read {path}", why=str(error).replace("\n", " ")) from error
    if not isinstance(plan, dict):
        raise Usage(f"{path} holds no fields", why="expected lines such as `strategy: cross`")
    return {str(key): _day(value) for key, value in plan.items()}


def _day(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def pairs(items: list[str] | None) -> dict[str, Any] | None:
    """Return `K=V` pairs as a dict; a V that is JSON (a number, true, a list) is taken as such."""
    found = {}
    for item in items or []:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise Usage(f"expected K=V, not {item!r}")
        found[key] = literal(value)
    return found or None


def literal(text: str) -> Any:
    """Return a text as JSON when it is JSON, else as the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def number(value: Any) -> Any:
    """Return a number written as text as int or float; Usage when it is none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    parsed = literal(str(value))
    if isinstance(parsed, bool) or not isinstance(parsed, (int, float)):
        raise Usage(f"not a number: {value!r}")
    return parsed
