"""The part of docs/lake.md that is written from the code: tables and codes.

`python -m tests.datasets.market.reference` writes it anew.
"""

from __future__ import annotations

import re
from pathlib import Path

from datasets.lake import rules
from datasets.market import tables

PATH = Path(__file__).resolve().parents[3] / "docs" / "lake.md"
START, END = "<!-- from the code -->", "<!-- end -->"


def text() -> str:
    """Return the reference as Markdown."""
    lines = ["", "## Codes of a session", "", "The gravest first. RED ones keep the rows out.", ""]
    lines += ["| code | status | what it says |", "|---|---|---|"]
    lines += [f"| `{code}` | {rules.STATUS[code]} | {about} |" for code, about in rules.ABOUT.items()]
    lines += ["", "## Tables", ""]
    for table in tables.TABLES.values():
        key = ", ".join(f"`{name}`" for name in table.key) or "none: a session is replaced as a whole"
        facts = [f"version {table.version}", *([f"interval {table.interval}"] if table.interval else [])]
        facts += [f"a segment a {table.span}", f"row groups of {table.group_rows:,}", f"key: {key}"]
        lines += [f"### `{table.name}`", "", f"{table.about[:1].upper()}{table.about[1:]}. {'; '.join(facts)}.", ""]
        lines += ["| column | type | unit | may be null | what it is |", "|---|---|---|---|---|"]
        lines += [
            f"| `{c.name}` | {c.dtype} | {c.unit} | {'yes' if c.nullable else 'no'} | {c.about} |".replace(
                "|  |", "| |"
            )
            for c in table.columns
        ]
        lines += [""]
    return "\n".join(lines)


def written(document: str) -> str:
    """Return the document with its reference made anew."""
    return re.sub(f"{START}.*{END}", lambda _: f"{START}\n{text()}\n{END}", document, flags=re.DOTALL)


if __name__ == "__main__":
    PATH.write_text(written(PATH.read_text()))
