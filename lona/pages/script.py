"""The way to a backtest as a shell script: files in, the report read, candles, publication, the run itself.

Names and versions are those of the backtest; nobody's token stands in it.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

from datasets.models import DatasetVersion
from lona.models import Backtest, BacktestInput

_SAID = (("columnMapping", "--map"), ("timezone", "--tz"), ("timestampUnit", "--ts-unit"), ("symbol", "--symbol"))


def of(row: Backtest) -> str:
    """Return the commands, one a line, that lead from the files to this run again."""
    parts = BacktestInput.objects.filter(backtest=row).select_related("version__dataset", "version__parent")
    versions = list(dict.fromkeys(part.version for part in parts.order_by("place")))
    lines = ['printf %s "$NEXUS_TOKEN" | nexus --url "$NEXUS_URL" auth login --with-token']
    for version in versions:
        lines += [*_made(version), _words("quality", "show", _ref(version)), _words("publish", _ref(version), "--wait")]
    return "\n".join([*lines, _run(row, versions)])


def _made(version: DatasetVersion) -> list[str]:
    """Return how the version came to be, its parents first."""
    if version.parent:
        frequency = version.interval or "1m"
        made = _words("transform", "candles", _ref(version.parent), "--frequency", frequency, "--wait")
        return [*_made(version.parent), made]
    if not version.filename:
        return []
    into = ["--name", version.dataset.name] if version.number == 1 else ["--dataset", version.dataset.ref]
    venue = ["--venue", version.venue] if version.venue else []
    return [_words("upload", version.filename, *into, *_said(version.params), *venue, "--wait")]


def _said(params: dict[str, Any]) -> list[str]:
    """Return what was answered about the file, as flags."""
    flags: list[str] = []
    for name, flag in _SAID:
        value = params.get(name)
        for one in [f"{target}={column}" for target, column in value.items()] if isinstance(value, dict) else [value]:
            flags += [flag, str(one)] if one and not str(one).endswith("=") else []
    return flags


def _run(row: Backtest, versions: list[DatasetVersion]) -> str:
    words = ["backtest", "submit", "--strategy", row.strategy.ref]
    for version in versions:
        words += ["--dataset", _ref(version)]
    words += ["--start", str(row.start_date), "--end", str(row.end_date), "--cash", _text(row.initial_cash)]
    for name, value in row.parameters.items():
        words += ["--param", f"{name}={value if isinstance(value, str) else _text(value)}"]
    words += ["--commission", _text(row.commission), "--leverage", _text(row.leverage)]
    words += ["--buy-on-close" if row.buy_on_close else "--no-buy-on-close", "--missing-data", row.missing_data]
    return _words(*words, "--wait")


def _text(value: Any) -> str:
    return json.dumps(value).removesuffix(".0")


def _ref(version: DatasetVersion) -> str:
    return f"{version.dataset.name}@{version.number}"


def _words(*words: str) -> str:
    return shlex.join(["nexus", *words])
