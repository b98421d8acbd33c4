"""`nexus sniff`: what the platform makes of a file's first bytes; nothing is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradenexus.cli import invocation, opening, params
from tradenexus.cli.output import Column

app = params.verb()

COLUMNS = (
    Column("COLUMN", "name"),
    Column("TYPE", "type"),
    Column("READ AS", "target"),
    Column("CONFIDENCE", "confidence", right=True, drop=2),
    Column("SAMPLES", "samples", drop=3),
    Column("WHY", "reason", drop=4),
)


@app.command()
def sniff(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="File to look at.")],
    mapping: params.Mapping = None,
    tz: params.Zone = None,
    ts_unit: params.Unit = None,
    kind: params.Kind = None,
) -> None:
    """Show format, columns, proposed mapping and open questions of a file. Example: nexus sniff btc.csv.gz --tz UTC"""
    nx = invocation.of(ctx)
    answers = opening.answers_of(mapping=mapping, tz=tz, ts_unit=ts_unit, kind=kind)
    guess = opening.ask_server(nx, opening.readable(file), answers)
    if nx.out.structured:
        nx.out.document(guess)
        return
    used = {str(entry.get("column")): (target, entry) for target, entry in (guess.get("mapping") or {}).items()}
    rows = []
    for column in guess.get("columns") or []:
        target, entry = used.get(str(column.get("name")), (None, {}))
        rows.append(column | {"target": target, "confidence": entry.get("confidence"), "reason": entry.get("reason")})
    nx.out.rows(rows, COLUMNS)
    stamp = guess.get("timestamp") or {}
    facts = [
        guess.get("format"),
        guess.get("compression"),
        guess.get("kind"),
        f"about {guess.get('rowsEstimate')} rows",
    ]
    nx.out.note(" · ".join(str(fact) for fact in facts if fact))
    if stamp.get("column") is not None:
        nx.out.note(
            f"time: {stamp['column']}, unit {stamp.get('unit')}, zone {stamp.get('zone')}: "
            f"{stamp.get('first')} to {stamp.get('last')}"
        )
    for problem in guess.get("problems") or []:
        nx.out.note(f"problem: {problem if isinstance(problem, str) else problem.get('message', problem)}")
    for question in guess.get("questions") or []:
        nx.out.note(f"question: {question.get('text')}")
