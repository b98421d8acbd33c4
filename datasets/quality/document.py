"""Writes the page of the checks from their own words: `python -m datasets.quality.document > docs/quality.md`."""

from __future__ import annotations

import sys

from datasets.quality import checks, gate, thresholds
from datasets.quality.checks.spec import Spec

_HEAD = f"""# Quality checks

What a validation looks at, in the order of the report. Every offender is counted; the first twenty are shown with row,
line, time and value. Rows that cannot be stored are left out and listed in the rejects file; nothing else is removed
but repeated ids and repeated bars, of which the first is kept.

A measure above its amber limit makes a check AMBER, above its red limit RED (both strictly; a dash means never). The
verdict is the worst grade; RED is `validation_failed`. Score: {gate.SCORE_FORMULA}.

Each limit is a threshold named `<check>.amber` or `<check>.red`; `validate` takes others in `thresholds`.

| check | measures | data | lenient | standard | strict |
|---|---|---|---|---|---|
"""
_TAIL = """
Limits are written amber / red.

## Parameters of the rules

| threshold | lenient | standard | strict |
|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    tables = {profile: thresholds.resolve(profile) for profile in thresholds.PROFILES}
    rows = "".join(_row(spec, tables) for spec in checks.SPECS)
    parameters = "".join(
        f"| `{name}` | " + " | ".join(_figure(table[name]) for table in tables.values()) + " |\n"
        for name in tables["standard"]
        if not name.endswith((".amber", ".red"))
    )
    return _HEAD + rows + _TAIL + parameters + "".join(_section(spec) for spec in checks.SPECS)


def _row(spec: Spec, tables: dict) -> str:
    limits = [f"{_figure(table[f'{spec.id}.amber'])} / {_figure(table[f'{spec.id}.red'])}" for table in tables.values()]
    return f"| `{spec.id}` | {spec.unit} | {', '.join(spec.kinds)} | {' | '.join(limits)} |\n"


def _section(spec: Spec) -> str:
    return f"\n## {spec.id}\n\n{spec.title}. {spec.means}\n\n{spec.matters}\n\nFix: {spec.fix}\n"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


if __name__ == "__main__":
    sys.stdout.write(page())
