"""Rows of data on stdout as table, tsv, csv, json, jsonl or md. Values are printed exactly as served."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING, Any

from tradenexus.cli import figures
from tradenexus.cli.failures import Usage
from tradenexus.cli.output import Column, Output
from tradenexus.cli.references import Target

if TYPE_CHECKING:
    from tradenexus.cli.client import Client

FORMATS = ("auto", "table", "tsv", "csv", "json", "jsonl", "md")


def fetch(client: Client, target: Target, n: int) -> list[dict[str, Any]]:
    """Return the first n rows of a version as dicts in column order."""
    rows: list[dict[str, Any]] = []
    query: dict[str, Any] = {}
    while len(rows) < n:
        query["limit"] = min(200, n - len(rows))
        page = client.get(f"{target.path}/versions/{target.version}/preview", query)
        names = [column["name"] if isinstance(column, dict) else str(column) for column in page.get("columns") or []]
        rows += [
            row if isinstance(row, dict) else dict(zip(names, row, strict=False)) for row in page.get("rows") or []
        ]
        query["cursor"] = page.get("nextCursor")
        if not query["cursor"]:
            break
    return rows[:n]


def show(out: Output, rows: list[dict[str, Any]], format_: str) -> None:
    """Print rows; `auto` follows the global output mode."""
    if format_ not in FORMATS:
        raise Usage(f"no format {format_!r}", why=f"one of {', '.join(FORMATS)}")
    if format_ not in ("auto", "json"):
        out.raw(f"the format {format_}")
    if format_ in ("table", "tsv", "json", "jsonl"):
        out.mode = format_
    if format_ == "csv":
        _csv(rows)
    elif format_ == "md":
        _markdown(out, rows)
    elif out.structured:
        out.array(rows)
    else:
        plain_rows(out, rows)


def plain_rows(out: Output, rows: list[Any]) -> None:
    """Print dicts with their own keys as columns."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if out.mode == "tsv" and names:
        out.line("\t".join(figures.visible(name) for name in names))
    table = [{str(place): _exact(row.get(name)) for place, name in enumerate(names)} for row in rows]
    out.rows(table, [Column(figures.visible(name), str(place), drop=place) for place, name in enumerate(names)])


def _exact(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _csv(rows: list[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([["" if row.get(name) is None else row[name] for name in names] for row in rows])


def _markdown(out: Output, rows: list[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    for cells in [
        names,
        ["---"] * len(names),
        *([figures.cell(_exact(row.get(n)), human=False) for n in names] for row in rows),
    ]:
        out.line("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
