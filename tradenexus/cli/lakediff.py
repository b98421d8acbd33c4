"""A diff of two revisions of the lake as the command line shows it: facts, sessions, columns, distributions, rows."""

from __future__ import annotations

from typing import Any

from tradenexus.cli import waiting
from tradenexus.cli.invocation import Invocation
from tradenexus.cli.output import Column

FACTS = (
    Column("entry", "entry"),
    Column("a", "a.number"),
    Column("b", "b.number"),
    Column("identical", "identical"),
    Column("rows added", "rows.added"),
    Column("rows removed", "rows.removed"),
    Column("rows changed", "rows.changed"),
    Column("rows unchanged", "rows.unchanged"),
    Column("rows in shared files", "rows.shared"),
    Column("sessions added", "partitions.added"),
    Column("sessions removed", "partitions.removed"),
    Column("sessions changed", "partitions.changed"),
    Column("complete before, %", "quality.completeness.a"),
    Column("complete after, %", "quality.completeness.b"),
    Column("rows compared", "compared.rows"),
    Column("compared until", "compared.until"),
)
SESSIONS = (
    Column("SESSION", "session"),
    Column("CHANGE", "change"),
    Column("ADDED", "added", right=True),
    Column("REMOVED", "removed", right=True),
    Column("CHANGED", "changed", right=True),
    Column("ROWS A", "rowsA", right=True, drop=2),
    Column("ROWS B", "rowsB", right=True, drop=2),
    Column("EXPECTED", "expected", right=True, drop=1),
    Column("STATUS", "status", state=True, drop=3),
)
VALUES = (
    Column("COLUMN", "name"),
    Column("CHANGED", "changed", right=True),
    Column("MAX ABS", "maxAbs", right=True),
    Column("AT", "maxAbsAt", drop=1),
    Column("MAX REL", "maxRel", right=True),
    Column("WAS NULL", "appeared", right=True, drop=2),
    Column("IS NULL", "vanished", right=True, drop=2),
)
ROWS = (
    Column("TIME", "time"),
    Column("CHANGE", "change"),
    Column("COLUMN", "column"),
    Column("OLD", "old", right=True),
    Column("NEW", "new", right=True),
)
DISTRIBUTIONS = (
    Column("COLUMN", "name"),
    Column("OF", "measure", drop=1),
    Column("FROM", "from", right=True),
    Column("TO", "to", right=True),
    Column("BEFORE", "before", right=True),
    Column("AFTER", "after", right=True),
)
PARTS = ("facts", "sessions", "columns", "distributions", "rows")


def show(nx: Invocation, path: str, entry: str, part: str, limit: int) -> None:
    """Fetch a diff and show one part of it; as JSON whole, with the sessions up to `limit` in one list.

    One that takes a job has it started, and is waited for; Failure when the job fails, Interrupted and StillPending
    leave it running.
    """
    body: dict[str, Any] = nx.client.get(path, params={"limit": min(limit, 200)})
    if body["start"]:
        body = nx.client.post(f"{body['start']}?limit={min(limit, 200)}")
    if body["job"]:
        waiting.finish(nx, body["job"], what="diff", again=f"nexus job watch {body['job']['id']}")
        body = nx.client.get(path, params={"limit": min(limit, 200)})
    sessions = body["partitions"]
    while sessions["nextCursor"] and len(sessions["items"]) < limit:
        more = nx.client.get(path, params={"limit": 200, "cursor": sessions["nextCursor"]})["partitions"]
        sessions["items"] += more["items"]
        sessions["nextCursor"] = more["nextCursor"]
    body = {"entry": entry, **body}
    if nx.out.structured:
        nx.out.document(body)
        return
    if part == "sessions":
        nx.out.rows(sessions["items"][:limit], SESSIONS, f"{len(sessions['items'])} sessions")
    elif part == "columns":
        nx.out.rows(body["values"]["columns"], VALUES)
    elif part == "distributions":
        nx.out.rows(_bins(body["values"]["distributions"]), DISTRIBUTIONS, "rows that changed; FROM is in, TO is not")
    elif part == "rows":
        nx.out.rows(_lines(body["values"]["rows"]), ROWS, "the first 100 rows of each kind")
    else:
        nx.out.facts(body, FACTS)


def _bins(columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a line a bin, and one for what is in none, a column after the other."""
    lines = []
    for column in columns:
        named = {"name": column["name"], "measure": column["measure"]}
        lines += [named | one for one in column["bins"]]
        for words in ("null", "notFinite", "noReturn"):
            counts = {side: column[side][words] for side in ("before", "after")}
            if any(counts.values()):
                lines.append({**named, "from": words, "to": None, **counts})
    return lines


def _lines(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    lines = []
    for row in rows:
        for column in row["columns"] or sorted(row["new"] or row["old"] or {}):
            old, new = ((row[side] or {}).get(column) for side in ("old", "new"))
            if (old, new) != (None, None):
                lines.append({"time": row["time"], "change": row["change"], "column": column, "old": old, "new": new})
    return lines
