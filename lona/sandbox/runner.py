"""One backtest in a process of its own, `python -m lona.sandbox.runner`: numpy's memory goes when it ends.

Reads one JSON job from stdin; writes JSON lines to stdout: {"progress"}, then {"stats"} and the result line, or
{"failure": code|execution, "message", "traceback"}. Anything else that goes wrong ends it with a traceback on stderr.
"""

from __future__ import annotations

import json
import resource
import sys
import traceback
from array import array
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lona.sandbox import recipes, tape

if TYPE_CHECKING:
    from lona.sandbox.simulation import Bars


def main() -> None:
    """Do the job on stdin under its limits."""
    job = json.load(sys.stdin)
    limits = job["limits"]
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_s"], limits["cpu_s"] + 1))
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory_bytes"], limits["memory_bytes"]))
    from lona.sandbox import simulation  # numpy, only under the limits

    try:
        recipe, parameters = recipes.chosen(job["code"], job["description"], job["parameters"])
    except (SyntaxError, ValueError, recipes.CodeError):
        _fail("code")
        return
    try:
        _run(job, recipe, parameters)
    except simulation.RunError:
        _fail("execution")


def _run(job: dict[str, Any], recipe: str, parameters: dict[str, int]) -> None:
    from lona.sandbox import metrics, simulation

    sources, terms = job["sources"], job["simulation"]
    share = terms["initial_cash"] / len(sources)
    account_terms = simulation.Terms(share, terms["commission"], terms["leverage"], terms["buy_on_close"])
    series, accounts = [], []
    for done, source in enumerate(sources):
        _say({"progress": done / len(sources)})
        bars = _load(source, job["start_date"], job["end_date"], job["end_inclusive"])
        series.append(bars)
        accounts.append(simulation.run(bars, simulation.decisions(recipe, parameters, bars), account_terms))
    times, equity = simulation.combined(series, accounts, share)
    trades = sorted(
        (trade for account in accounts for trade in account.trades), key=lambda trade: str(trade["exit_date"])
    )
    crypto = any(source["asset_class"].lower().startswith("crypto") for source in sources)
    periods = metrics.periods_per_year(times, min(tape.FREQUENCIES[one["frequency"]] for one in sources), crypto)
    stats = metrics.total_stats(equity, trades, terms["initial_cash"], periods)
    _say({"stats": stats})
    timeline = metrics.timeline(times, equity, terms["initial_cash"], job["limits"]["timeline_max_points"])
    listed = trades[: job["limits"]["trades_max"]]
    named = [{"name": "strategy", "value": recipe}, *({"name": key, "value": parameters[key]} for key in parameters)]
    _say({"backtest_timeline": timeline, "parameters": named, "trades": listed, "periods_per_year": periods})


def _load(source: dict[str, Any], start_date: str, end_date: str, end_inclusive: bool) -> Bars:
    import numpy as np

    from lona.sandbox.simulation import Bars

    end = date.fromisoformat(end_date) + timedelta(days=1 if end_inclusive else 0)
    times, prices = array("q"), [array("d") for _ in tape.PRICES]
    texts: list[str] = []
    for values in tape.bars(Path(source["path"]), source["mapping"], start_date, end.isoformat()):
        texts.append(values[0])
        for column, text in zip(prices, values[1:5], strict=True):
            column.append(float(text))
        if len(texts) == 65_536:
            times.frombytes(np.array(texts, "datetime64[s]").tobytes())
            texts.clear()
    times.frombytes(np.array(texts, "datetime64[s]").tobytes())
    columns = [np.frombuffer(column, np.float64) for column in prices]
    return Bars(source["id"], source["name"], np.frombuffer(times, np.int64).view("datetime64[s]"), *columns)


def _fail(kind: str) -> None:
    error = sys.exc_info()[1]
    message = str(error) if kind == "execution" else f"{type(error).__name__}: {error}"
    _say({"failure": kind, "message": message, "traceback": traceback.format_exc()[-20_000:]})


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line, allow_nan=False, separators=(",", ":")) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
