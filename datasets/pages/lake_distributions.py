"""Distributions of a diff as its page draws them: two bars a bin, before and after, and each count as text."""

from __future__ import annotations

from typing import Any

from datasets import reads

HIGH = 96.0  # units of the drawing; a bin is STEP wide, with a bar for each side and a gap
STEP, BAR = 14.0, 6.0
NOWHERE = (("null", "null"), ("notFinite", "not finite"), ("noReturn", "without a return"))


def drawn(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the columns as `diff.distributions_of` tells them, with words and bars.

    More keys: words (of its bins), same (both sides alike), others ([(words, before, after)] of what is in no bin),
    wide (of the drawing), most (in a bin), ends (labels of the first and the last bin); and of each bin `label`, and x,
    y and height of its two bars.
    """
    return [_column(each) for each in told]


def _column(told: dict[str, Any]) -> dict[str, Any]:
    bins = told["bins"]
    most = max((count for one in bins for count in (one["before"], one["after"])), default=0)
    counts = [(words, told["before"][name], told["after"][name]) for name, words in NOWHERE]
    percent = told["measure"] == "return"
    return {
        **told,
        "words": _words(told),
        "same": told["before"] == told["after"] and all(one["before"] == one["after"] for one in bins),
        "others": [each for each in counts if each[1] or each[2]],
        "wide": STEP * max(1, len(bins)),
        "most": most,
        "ends": [_label(one["from"], one["to"], percent) for one in (bins[0], bins[-1])] if bins else [],
        "bins": [_bar(number, one, most, percent) for number, one in enumerate(bins)],
    }


def _words(told: dict[str, Any]) -> str:
    if told["measure"] == "return":
        wide = f"bins of {_percent(told['width'])} each" if told["width"] else "no returns"
        return f"returns since the row before, {wide}"
    return "values, in bins that widen as values grow"


def _bar(number: int, one: dict[str, Any], most: int, percent: bool) -> dict[str, Any]:
    bars = {"x_before": f"{STEP * number + 0.5:.1f}", "x_after": f"{STEP * number + 0.5 + BAR:.1f}"}
    for side in ("before", "after"):
        # what is there is seen, however rare
        high = max(1.0, HIGH * one[side] / most) if one[side] else 0.0
        bars |= {f"high_{side}": f"{high:.1f}", f"y_{side}": f"{HIGH - high:.1f}"}
    return {**one, **bars, "label": _label(one["from"], one["to"], percent)}


def _label(start: float | None, end: float | None, percent: bool) -> str:
    show = _percent if percent else _plain
    if start is None or end is None:
        return f"below {show(end)}" if end is not None else f"{show(start)} and above"
    return f"{show(start)} to {show(end)}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{_plain(round(100 * share, 10))} %"


def _plain(value: float | None) -> str:
    if value is None:
        return ""
    if value and not 1e-6 <= abs(value) < 1e15:
        return f"{value:.12g}"
    return reads.decimal_text(float(value))
