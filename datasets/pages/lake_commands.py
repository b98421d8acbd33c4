"""The lake's pages as commands: what curl, the command line and Python say for each of them."""

from __future__ import annotations

import shlex
from typing import Any

from datasets.models import LakeEntry, LakeQuarantine
from tradenexus.web import copy

REASON = "checked at the venue"
_OPTIONS = {"table": "table", "q": "query", "grade": "grade", "freshness": "freshness", "vendor": "vendor"}


def entries(query: dict[str, str]) -> copy.Commands:
    """Return the commands that list entries with these filters."""
    return copy.commands("GET", "/v1/lake/entries", cli=_with("nexus lake list", query, _OPTIONS), query=query)


def quarantine(query: dict[str, str]) -> copy.Commands:
    """Return the commands that list refused sessions with these filters."""
    names = {"state": "state", "table": "table", "instrument": "instrument"}
    return copy.commands("GET", "/v1/lake/quarantine", cli=_with("nexus lake quarantine", query, names), query=query)


def settle(held: LakeQuarantine, verb: str) -> copy.Commands:
    """Return the commands that release or dismiss refused rows."""
    cli = f"nexus lake {verb} {held.ref} --reason {shlex.quote(REASON)}"
    return copy.commands("POST", f"/v1/lake/quarantine/{held.ref}/{verb}", {"reason": REASON}, cli=cli)


def override(entry: LakeEntry, session: str, until: str) -> copy.Commands:
    """Return the commands that let a reviewer's verdict stand."""
    body = {"status": "GREEN", "reason": REASON, "until": until}
    said = f"--status GREEN --reason {shlex.quote(REASON)} --until {until}"
    path = f"{api_path(entry)}/partitions/{session}/override"
    return copy.commands("POST", path, body, cli=f"nexus lake override {words(entry)} {session} {said}")


def record_split(entry: LakeEntry, session: str, evidence: str, ratio: float | None) -> copy.Commands:
    """Return the commands that record a suspected split: what was looked at, or (with a ratio) on a person's word."""
    body: dict[str, Any] = {"evidence": evidence} | ({} if ratio is None else {"ratio": ratio, "reason": REASON})
    said = f"--evidence {evidence}" + ("" if ratio is None else f" --ratio {ratio:g} --reason {shlex.quote(REASON)}")
    path = f"{api_path(entry)}/suspects/{session}/record"
    return copy.commands("POST", path, body, cli=f"nexus lake record-split {words(entry)} {session} {said}")


def diff(entry: LakeEntry, span: str, start: bool) -> copy.Commands:
    """Return the commands that show what differs between two revisions, or start the job that finds it."""
    cli = f"nexus lake diff {words(entry)} {span}"
    return copy.commands("POST" if start else "GET", f"{api_path(entry)}/diff/{span}", cli=cli)


def of_entry(entry: LakeEntry, tab: str, query: dict[str, Any] | None = None) -> copy.Commands:
    """Return the commands of a tab of an entry's page."""
    end, verb = {
        "ledger": ("/partitions", "partitions"),
        "revisions": ("/revisions", "revisions"),
    }.get(tab, ("", "show"))
    cli = f"nexus lake {verb} {words(entry)}"
    return copy.commands("GET", api_path(entry) + end, cli=cli, query=query)


def refresh(entry: LakeEntry) -> copy.Commands:
    """Return the commands that bring an entry up to date."""
    body = {"candidates": [{"instrument": entry.instrument, "table": entry.table}]}
    return copy.commands("POST", "/v1/lake/candidates", body, cli=f"nexus lake refresh {words(entry)} --wait")


def rows(entry: LakeEntry, adjustment: str = "raw", as_of: str = "") -> list[tuple[str, str]]:
    """Return how to read the rows: [(tongue, text)], with a DuckDB twin over the downloaded Parquet file."""
    name = f"{entry.table}_{entry.instrument.replace(':', '_')}.parquet"
    query = {"format": "parquet", "adjustment": adjustment if adjustment != "raw" else "", "asOf": as_of}
    given = (("adjustment", query["adjustment"]), ("as-of", as_of))
    options = "".join(f" --{option} {shlex.quote(value)}" for option, value in given if value)
    cli = f"nexus lake rows {words(entry)} --format parquet{options} -o {name}"
    found = copy.download(f"{api_path(entry)}/rows", query, name, cli)
    duck = f"import duckdb\nrows = duckdb.read_parquet({name!r}).order('ts_event').df()"
    told = [(label, text + (f"\n\n{duck}" if label == "Python" else "")) for label, text in found.tongues]
    return [*told, ("Python, Arrow or pandas", _reader(entry, adjustment, as_of))]


def _reader(entry: LakeEntry, adjustment: str, as_of: str) -> str:
    asked = [repr(entry.table), repr(entry.instrument)]
    asked += [f"adjustment={adjustment!r}"] if adjustment != "raw" else []
    asked += [f"as_of={as_of!r}"] if as_of else []
    given = ", ".join(asked)
    return (
        "from tradenexus.cli.reader import Lake\n\nwith Lake() as lake:  # address and token as nexus has them\n"
        f"    rows = lake.arrow({given})\n    frame = lake.pandas({given})"
    )


def api_path(entry: LakeEntry) -> str:
    """Return where the API has an entry."""
    return f"/v1/lake/{entry.table}/{entry.instrument}"


def words(entry: LakeEntry) -> str:
    """Return how the command line names an entry."""
    return shlex.quote(f"{entry.table}/{entry.instrument}")


def _with(verb: str, query: dict[str, str], names: dict[str, str]) -> str:
    given = [f"--{names[name]} {shlex.quote(value)}" for name, value in query.items() if name in names and value]
    return " ".join([verb, *given])
