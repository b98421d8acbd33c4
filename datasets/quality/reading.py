"""The first reading of a stored raw file, whole, in the capped child: sniff, settle how it is read, scan.

A fault of the file itself is not an exception but a RED report; a question left open is asked for, not guessed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from datasets.formats import growing, mapping, sniff, streams
from datasets.quality import scan

STREAMED = ("csv", "jsonl", "json")
_NICE = 5


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


def follow(params: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Validate a file while it comes in, up to its end: `validate`'s answer, with `sha256` and `sizeBytes` of it.

    params as of `validate`, and `tide` (path, see formats.growing) and `size` (bytes, None when nobody knows yet).
    `unfit` says in place of all that why what was found would not be what `validate` finds later.
    """
    os.nice(_NICE)  # the bytes that come in go before
    with growing.Growing(params["raw"], growing.Tide(params["tide"])) as file:
        guess = sniff.sniff(file.head, None, params["filename"], params["size"] or len(file.head) + 1)
        if guess["format"] not in STREAMED:
            return {"unfit": "its format cannot be read before its end is here"}
        plan = mapping.plan_from(guess, params["overrides"], refuse_mixed=False)
        names = ("size", "profile", "thresholds", "calendar", "interval", "out_dir")
        wanted = {name: params.get(name) for name in names} | {"growing": file}
        found = scan.scan({**wanted, "plan": plan, "symbol": plan.get("symbol"), "venue": plan.get("venue")}, emit)
        file.finish()
        tail = file.tail if file.size > len(file.head) else None
        guess = sniff.sniff(file.head, tail, params["filename"], file.size)
        unfit = _unfit(found["report"], plan, mapping.plan_from(guess, params["overrides"], refuse_mixed=False))
        if unfit:
            return {"unfit": unfit}
        found["report"]["durationMs"] = max(0, found["report"]["durationMs"] - round(file.waited_s * 1000))
        return {**found, "plan": plan, "sniff": guess, "sha256": file.sha256, "sizeBytes": file.size}


def _unfit(report: Mapping[str, Any], plan: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    if plan != whole:
        return "the whole file is to be read otherwise than its first bytes said"
    ahead = next((check["count"] for check in report["checks"] if check["id"] == "time.future"), 0)
    # What is still the future now may be the past when the version is validated.
    return f"{ahead:,} rows lay in the future when they were read" if ahead else ""
