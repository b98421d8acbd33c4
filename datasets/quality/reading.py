"""The first reading of a stored raw file, whole, in the capped child: sniff, settle how it is read, scan.

A fault of the file itself is not an exception but a RED report; a question left open is asked for, not guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from datasets.formats import mapping, sniff, streams
from datasets.quality import scan

STREAMED = ("csv", "jsonl", "json")


def validate(params: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Return scan's result with the `plan` that was followed and the `sniff` it came from.

    params: raw (path), filename, overrides {columnMapping, kind, timezone, timestampUnit, symbol, venue}, profile,
    thresholds, calendar, interval, out_dir. Raises MappingIncomplete with the questions that are still open.
    """
    emit({"phase": "sniff", "done": 0, "total": None})
    guess = sniff.sniff_file(params["raw"], params["filename"])
    plan = mapping.plan_from(guess, params["overrides"], refuse_mixed=False)
    wanted = {name: params.get(name) for name in ("raw", "profile", "thresholds", "calendar", "interval", "out_dir")}
    result = scan.scan({**wanted, "plan": plan, "symbol": plan.get("symbol"), "venue": plan.get("venue")}, emit)
    return {**result, "plan": plan, "sniff": guess}


def begin(params: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Validate the bytes before `stop` of a file of `size` bytes that is still coming in; as `validate` otherwise.

    `report` is None for a format whose first bytes cannot be read without its last ones (Parquet, Arrow).
    """
    with streams.open_raw(params["raw"]) as file:
        head = file.read(min(params["stop"], sniff.HEAD_BYTES))
    if sniff.format_of(head) != "text":
        return {"report": None}
    guess = sniff.sniff(head, None, params["filename"], params["size"])
    if guess["format"] not in STREAMED:  # packed
        return {"report": None}
    plan = mapping.plan_from(guess, params["overrides"], refuse_mixed=False)
    names = ("raw", "stop", "profile", "thresholds", "calendar", "interval", "out_dir")
    wanted = {name: params.get(name) for name in names}
    result = scan.scan({**wanted, "plan": plan, "symbol": plan.get("symbol"), "venue": plan.get("venue")}, emit)
    return {"report": result["report"]}
