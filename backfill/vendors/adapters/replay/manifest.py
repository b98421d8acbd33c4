"""The manifest of the replay vendor: a JSON file {"sources": [...]}, each a group of files of one shape.

    table        the lake table that they fill
    files        paths below the root (NEXUS_REPLAY_ROOT, else the manifest's folder)
    format       csv, feather, parquet or json; with .gz when compressed
    records      json only: the key under which the list of records stands (none: the file is the list)
    header       csv only: the names of the columns when the file has no header line
    instrument   "VENUE:SYMBOL", or {"column": name, "names": {value: "VENUE:SYMBOL"}}
    facts        type, calendar, base, quote, timezone of these instruments
    time         {"column", "unit": s|ms|us|ns|date|text, "zone"}; text without an offset is read in the zone
    columns      {lake column: the file's column}
    values       {lake column: the same text or number in every row}
    unless       {lake column: value}: rows with this value are no rows (a dividend of 0 is none)
    since        the first date for which the files can have anything; nothing before it is ever a gap

Nothing is converted but text to numbers and times to nanoseconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

from datasets.market import dates, instruments, tables
from datasets.market.intervals import DAY
from tradenexus.errors import ProblemError, Unprocessable

FORMATS = ("csv", "csv.gz", "feather", "parquet", "json", "json.gz")
UNITS = ("s", "ms", "us", "ns", "date", "text")
_KNOWN = frozenset(
    {"table", "files", "format", "records", "header", "instrument", "facts", "time", "columns", "values", "unless"}
) | {"since"}
_MOST_BYTES = 8 << 20


class ManifestBroken(Unprocessable):
    """The manifest of the replay vendor cannot be read or contradicts itself. `message` names the place."""

    code = "REPLAY_MANIFEST_BROKEN"


@dataclass(frozen=True, slots=True)
class Source:
    """One group of files. `names` = {value of `by`: instrument}, or {"": instrument} when all rows are one's."""

    raw: dict[str, Any]
    table: str
    files: tuple[str, ...]
    format: str
    records: str
    header: tuple[str, ...]
    by: str
    names: Mapping[str, str]
    facts: Mapping[str, str]
    time_column: str
    time_unit: str
    zone: str
    columns: Mapping[str, str]
    values: Mapping[str, Any]
    unless: Mapping[str, Any]
    since_ns: int | None = None

    @property
    def instruments(self) -> frozenset[str]:
        """Return whose rows the files hold."""
        return frozenset(self.names.values())


def load(path: Path) -> list[Source]:
    """Read a manifest; ManifestBroken."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ManifestBroken(f"{path.name} is larger than {_MOST_BYTES >> 20} MiB")
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise ManifestBroken(f"{path.name} cannot be read: {fault}") from fault
    return parse(said)


def parse(said: Any) -> list[Source]:
    """Return the sources of a manifest's JSON; ManifestBroken names the first that is wrong."""
    listed = said.get("sources") if isinstance(said, dict) else None
    if not isinstance(listed, list):
        raise ManifestBroken('a manifest is {"sources": [...]}')
    return [_source(number, each) for number, each in enumerate(listed)]


def _source(number: int, raw: Any) -> Source:
    where = f"sources[{number}]"
    try:
        unknown = sorted(set(raw) - _KNOWN)
        if unknown:
            raise ManifestBroken(f"{where}: nobody knows {unknown[0]!r}")
        table = tables.find(raw["table"])
        by, names = _instruments(raw["instrument"])
        time = {"unit": "text", "zone": "UTC", **raw["time"]}
        source = Source(
            raw=raw,
            table=table.name,
            files=tuple(_inside(each) for each in raw["files"]),
            format=raw["format"],
            records=raw.get("records", ""),
            header=tuple(raw.get("header", ())),
            by=by,
            names=names,
            facts={str(key): str(value) for key, value in raw.get("facts", {}).items()},
            time_column=time["column"],
            time_unit=time["unit"],
            zone=time["zone"],
            columns=dict(raw["columns"]),
            values=dict(raw.get("values", {})),
            unless=dict(raw.get("unless", {})),
            since_ns=dates.to_day(date.fromisoformat(raw["since"])) * DAY if "since" in raw else None,
        )
        _check(source, table)
    except ManifestBroken as broken:
        raise broken if broken.message.startswith(where) else ManifestBroken(f"{where}: {broken.message}") from broken
    except (KeyError, TypeError, ValueError, AttributeError, ProblemError) as fault:
        words = f"it lacks {fault}" if isinstance(fault, KeyError) else str(fault)
        raise ManifestBroken(f"{where}: {words}") from fault
    return source


def _check(source: Source, table: tables.Table) -> None:
    if source.format not in FORMATS or source.time_unit not in UNITS:
        raise ManifestBroken(f"format is one of {', '.join(FORMATS)}, unit one of {', '.join(UNITS)}")
    if not source.files:
        raise ManifestBroken("it names no file")
    given = {"ts_event", *source.columns, *source.values}
    unknown = sorted(given - set(table.names))
    lacking = [each.name for each in table.columns if not each.nullable and each.name not in given]
    if unknown or lacking:
        what = f"has no column {unknown[0]!r}" if unknown else f"needs the column {lacking[0]!r}"
        raise ManifestBroken(f"the table {table.name} {what}")
    strange = sorted(set(source.unless) - set(source.columns))
    if strange:
        raise ManifestBroken(f"`unless` speaks of {strange[0]!r}, which is not among the columns")


def _instruments(said: Any) -> tuple[str, dict[str, str]]:
    if isinstance(said, str):
        return "", {"": str(instruments.parse(said))}
    names = {str(value): str(instruments.parse(name)) for value, name in said["names"].items()}
    return str(said["column"]), names


def _inside(name: Any) -> str:
    path = PurePosixPath(str(name))
    if path.is_absolute() or ".." in path.parts or str(path) == ".":
        raise ManifestBroken(f"{str(name)[:100]!r} does not lie below the root")
    return str(path)
