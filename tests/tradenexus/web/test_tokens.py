"""The colours of the tokens, light and dark: every pair that carries words or a control's edge can be told apart.

Ratios are those of WCAG 2.2: 4.5 for text, 3 for the edge of a control and for a mark.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).resolve().parents[3] / "static" / "ui" / "app.css").read_text()
TONES = ("ok", "info", "warn", "bad", "special")
TEXT = [(text, ground) for text in ("text", "text-2", "text-3", "accent") for ground in ("surface", "bg")]
TEXT += [("text", "accent-bg"), ("text", "sunken"), ("text-2", "sunken"), ("on-accent", "accent")]
TEXT += [(tone, f"{tone}-bg") for tone in (*TONES, "mute")] + [(tone, "surface") for tone in TONES]
TEXT += [("text", f"{tone}-bg") for tone in TONES]
EDGES = [("ctl-line", "surface"), ("accent", "surface"), ("accent", "bg"), ("up", "surface"), ("down", "surface")]
EDGES += [(f"series-{n}", "surface") for n in range(1, 5)]


def theme(start: str) -> dict[str, str]:
    """Return the colours of the block that begins so."""
    block = CSS[CSS.index(start) :]
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9A-Fa-f]{6})", block[: block.index("}")]))


LIGHT = theme(":root {")
THEMES = {"light": LIGHT, "dark": {**LIGHT, **theme(":root[data-theme=dark]")}}


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_the_ratio_is_the_standards():
    assert ratio("#000000", "#FFFFFF") == pytest.approx(21)
    assert ratio("#777777", "#FFFFFF") == pytest.approx(4.478, abs=0.001)


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize(("pairs", "least"), [(TEXT, 4.5), (EDGES, 3)], ids=["text", "edges"])
def test_pairs_can_be_told_apart(name, pairs, least):
    colours = THEMES[name]
    found = {pair: round(ratio(colours[pair[0]], colours[pair[1]]), 2) for pair in pairs}
    assert {pair: value for pair, value in found.items() if value < least} == {}


def test_the_dark_theme_is_the_same_by_choice_and_by_system():
    auto = CSS[CSS.index("prefers-color-scheme: dark") :]
    found = dict(re.findall(r"--([\w-]+):\s*(#[0-9A-Fa-f]{6})", auto[: auto.index("}")]))
    assert found == theme(":root[data-theme=dark]")
