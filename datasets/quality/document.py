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

_FIXING = """
## Fixing

Nothing is edited in place. A fix is a recipe on a version, RED or good: `POST /v1/datasets/{id}/transform/fix {steps,
version?, note?}`, `nexus transform fix REF --steps FILE`, or **Fix** on the quality tab, which proposes a step for
what was found. What the steps leave becomes version n+1 with the recipe, what each step touched, and the parent's
digest in its lineage; it is judged with the parent's profile, thresholds, calendar and interval. Still bad, it is
RED, keeps its rows, and can be fixed again. The parent stays as it is. The same recipe on the same rows gives the
same bytes and joins the version that is there.

The rows are the version's canonical ones; of a RED upload, which has none, the raw file's, read as it was validated.
Row numbers in examples count that source from 0. With `preview` (`--preview`) nothing is made: the job's result tells
for each step how many rows it would touch, the first twenty before and after, and the verdict on what would be left.

| step | what it does | fields |
|---|---|---|
| `drop` | leaves rows out | `where` [{column, op, value or other}], `match` all or any, `from`, `to`; or `check` |
| `dedupe` | leaves one row of each key | `by` columns, `keep` first (default) or last, in the order of the source |
| `shift` | moves times | `seconds`, or `zone`: times that were read as UTC and are the wall clock there |
| `scale` | multiplies values | `columns`, `factor` (a number, or text such as "1/7"), `from`, `to` |
| `clip_range` | keeps only a range | `from`, `to` |

Each may have `instrument` (a symbol of the version) and `mustMatch`: touching nothing then refuses the whole fix.
Steps act in their order. Ranges hold `from` and not `to`; both are dates (midnight UTC) or times with an offset.

- `op` is < <= > >= == != null not_null. What has no value (or NaN) meets `null` only. `other` is another column.
- `check` takes what the named check of the report finds, all of it and not only the twenty it shows, whatever the
  steps before did. Checks of gaps, sessions, intervals and of the file as a whole name no rows that could be dropped.
- Without `by`, the key is the time of bars, the id (or sequence number) of trades, all columns of quotes. Nothing
  equals nothing; a row that has nothing under the whole key is nobody's duplicate.
- A wall clock time that never was, or was twice, is refused with the rows it stands in: nothing tells which moment is
  meant.
- No step makes a value that was not there: there is no fill, no interpolation and no default.

Refused rows of the lake are fixed in the same way: see docs/lake.md.
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
    return _HEAD + rows + _TAIL + parameters + _FIXING + "".join(_section(spec) for spec in checks.SPECS)


def _row(spec: Spec, tables: dict) -> str:
    limits = [f"{_figure(table[f'{spec.id}.amber'])} / {_figure(table[f'{spec.id}.red'])}" for table in tables.values()]
    return f"| `{spec.id}` | {spec.unit} | {', '.join(spec.kinds)} | {' | '.join(limits)} |\n"


def _section(spec: Spec) -> str:
    return f"\n## {spec.id}\n\n{spec.title}. {spec.means}\n\n{spec.matters}\n\nFix: {spec.fix}\n"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


if __name__ == "__main__":
    sys.stdout.write(page())
