"""Candles in parts: the instruments of one job spread over several children, and their answers made one again.

Nothing heavy is imported: the worker that starts the children does this. The answer is the same whatever the number of
parts: files stand in the order of the inputs, and counts add up.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from tradenexus.errors import Unprocessable


class NothingToConvert(Unprocessable):
    """No row of this version is usable for bars: `details` counts what was left out and why."""

    code = "DATASET_TRANSFORM_EMPTY"


def spread(inputs: list[dict[str, Any]], parts: int) -> list[list[dict[str, Any]]]:
    """Deal the inputs out into at most `parts` lists of about equally many rows, each in order and none empty."""
    dealt: list[list[int]] = [[] for _ in range(max(1, min(parts, len(inputs))))]
    rows = [0] * len(dealt)
    for number in sorted(range(len(inputs)), key=lambda number: -int(inputs[number].get("rows") or 0)):
        least = rows.index(min(rows))
        dealt[least].append(number)
        rows[least] += int(inputs[number].get("rows") or 0) + 1
    numbered = [{**each, "number": number} for number, each in enumerate(inputs)]
    return [[numbered[number] for number in sorted(numbers)] for numbers in dealt]


def gather(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make [{frequency, files, rows, policy}] of what the children answered; NothingToConvert when there is no bar."""
    made = [_one([answer["made"][number] for answer in answers]) for number in range(len(answers[0]["made"]))]
    for one in made:
        if not one["files"]:
            counts = one["policy"]["counts"]
            raise NothingToConvert("no row of this version is usable for bars", counts)
    return made


def _one(parts: list[dict[str, Any]]) -> dict[str, Any]:
    files = sorted((file for part in parts for file in part["files"]), key=lambda file: file["number"])
    counts: Counter[str] = Counter()
    excluded: Counter[str] = Counter()
    for part in parts:
        told = dict(part["policy"]["counts"])
        excluded.update(told.pop("excluded"))
        counts.update(told)
    policy = {**parts[0]["policy"], "counts": {**counts, "excluded": dict(sorted(excluded.items()))}}
    plain = [{name: value for name, value in file.items() if name != "number"} for file in files]
    return {"frequency": parts[0]["frequency"], "files": plain, "rows": counts["bars"], "policy": policy}
