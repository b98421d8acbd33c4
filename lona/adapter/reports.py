"""A provider's report in our words [pure]: state, metrics in percent, curves, trades and the class of a failure.

Source of the field names: the platform contract, section 2. A fraction becomes a percent here, once, and a drawdown
positive; nothing else in the code multiplies by 100.
"""

import math
import re
from decimal import Decimal
from typing import Any

from lona import errors

STATES = {
    "PENDING": "running",
    "EXECUTING": "running",
    "PROCESSING": "running",
    "COMPLETED": "completed",
    "FAILED": "failed",
}


def state_of(status: dict[str, Any]) -> str:
    """Map a report's status to running, completed or failed; LONA_ANSWER_UNREADABLE for a word the contract lacks."""
    word = str(status.get("status", "")).upper()
    if word not in STATES:
        raise errors.LonaAnswerUnreadable("the report has an unknown status", {"status": word[:40]})
    return STATES[word]


def percent(fraction: Any) -> float | None:
    """Turn 0.1523 into 15.23 exactly (in decimal, so no 15.229999999999999); None for nothing or not a number."""
    value = number(fraction)
    return None if value is None else float(Decimal(repr(value)) * 100)


def number(value: Any) -> float | None:
    """Read a finite number, else None: NaN and Infinity have no JSON form."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        read = float(value)
    except (TypeError, ValueError):
        return None
    return read if math.isfinite(read) else None


def metrics(total_stats: dict[str, Any] | None) -> dict[str, float | None]:
    """Normalise `total_stats`: percents, drawdown positive; what the provider did not say is None."""
    stats = total_stats or {}
    drawdown = percent(stats.get("max_drawdown"))
    return {
        "sharpeRatio": number(stats.get("sharpe_ratio")),
        "maxDrawdownPct": None if drawdown is None else abs(drawdown),
        "winRatePct": percent(stats.get("win_rate")),
        "totalReturnPct": percent(stats.get("total_return")),
        "totalTrades": number(stats.get("total_trades")),
    }


def curves(report: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Split `backtest_timeline` into equity [{date, value}] and drawdown [{date, pct}] (percent, positive)."""
    equity, drawdown = [], []
    for point in _rows(report.get("backtest_timeline")):
        when, value, fall = str(point.get("date", "")), number(point.get("equity")), percent(point.get("drawdown"))
        if value is not None:
            equity.append({"date": when, "value": value})
        if fall is not None:
            drawdown.append({"date": when, "pct": abs(fall)})
    return equity, drawdown


def trades(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Answer the trade list when the provider gives one; Lona's documented report has none."""
    return [dict(row) for row in _rows(report.get("trades"))]


FAILURES: tuple[tuple[type[errors.BacktestFailed], re.Pattern[str]], ...] = (
    (errors.BacktestTimeout, re.compile(r"timed? ?out|time limit|deadline", re.I)),
    (errors.BacktestDataNotFound, re.compile(r"\b(data|symbol)\b.{0,120}\bnot found|no data\b", re.I)),
    (errors.BacktestCodeError, re.compile(r"traceback|code error|\b[A-Z][A-Za-z]*Error\b")),
)


def failure(report: dict[str, Any]) -> errors.BacktestFailed:
    """Tell the class of a FAILED report: timeout, data not found, code error, else execution error.

    The short message decides first: a traceback of a timeout is still a timeout.
    """
    message, trace = _said(report.get("error")), _said(report.get("traceback")) or _said(report.get("stderr"))
    details = {"providerMessage": message[:2000], "reportId": str(report.get("id", ""))[:100]}
    if trace:
        details["traceback"] = trace[-4000:]
    for kind, words in FAILURES:
        if words.search(message):
            return kind(message or "the provider gave no reason", details)
    coded = trace and "traceback" in trace.lower()
    fallback = errors.BacktestCodeError if coded else errors.BacktestExecutionError
    return fallback(message or "the provider gave no reason", details)


def _said(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("message") or value.get("detail") or value
    return "" if value is None else str(value)


def _rows(value: Any) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
