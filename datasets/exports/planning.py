"""What a bundle consists of: asked of the catalog at one moment, so that it shows each commit wholly or not at all.

A *part* is one segment of one entry with the sessions to be left out of it. The ledger, which may be long, is written
to a file as JSON lines on the way; only sessions that are held back stay in memory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from datasets.exports import catalog
from datasets.lake import rules
from datasets.market import instruments, tables
from datasets.models import Grade, LakeCommit, LakeEntry, LakeMember, LakePartition
from tradenexus import db

TRIES = 4
_EPOCH = date(1970, 1, 1)
CUT_VERSION = "1"  # rises when the same segment and sessions would give other bytes
_LEDGER = (
    *("entry_id", "session", "status", "code", "codes", "expected", "rows", "score", "vendor", "fetched_at", "notes"),
    *("override_status", "override_reason", "override_until", "verdict"),
)


@dataclass(frozen=True)
class Wanted:
    """What was asked for: names of tables and instruments (empty: all), and whether AMBER sessions come along."""

    tables: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    include_amber: bool = False

    @classmethod
    def of(cls, parameters: dict[str, Any]) -> Wanted:
        """Return what the parameters of a bundle say."""
        tables_, names = (tuple(sorted(parameters.get(name) or ())) for name in ("tables", "instruments"))
        return cls(tables_, names, bool(parameters.get("includeAmber")))

    def holds_back(self, verdict: str) -> bool:
        """Tell whether a session of this verdict stays out."""
        return verdict == Grade.RED or (verdict == Grade.AMBER and not self.include_amber)


@dataclass(frozen=True)
class Part:
    """One segment of the lake as it goes into a bundle under `path`; `held` are days (since 1970) to leave out."""

    path: str
    table: str
    instrument: str
    calendar: str
    key: str
    sha256: str
    size_bytes: int
    rows: int
    held: tuple[int, ...] = ()

    @property
    def recipe(self) -> str:
        """The digest of what the file is made from: the segment itself when nothing is left out."""
        if not self.held:
            return self.sha256
        made = [CUT_VERSION, self.sha256, self.calendar, list(self.held)]
        return hashlib.sha256(json.dumps(made, separators=(",", ":")).encode()).hexdigest()


@dataclass
class Plan:
    """All of a bundle: its parts, catalog.json, the sessions held back, the folders, sessions taken by table."""

    parts: list[Part] = field(default_factory=list)
    catalog: dict[str, Any] = field(default_factory=dict)
    held_back: list[dict[str, Any]] = field(default_factory=list)
    folders: dict[str, str] = field(default_factory=dict)  # `<table>/<folder>` -> instrument
    entries: dict[str, int] = field(default_factory=dict)
    sessions: dict[str, int] = field(default_factory=dict)


def make(tenant_id: UUID, wanted: Wanted, ledger_path: Path) -> Plan:
    """Return what the bundle is to hold, and write the ledger as JSON lines to the path."""
    if not db.is_sqlite():
        with _one_moment():
            return _Planner(tenant_id, wanted).plan(ledger_path)
    for _ in range(TRIES):
        before = _newest(tenant_id)
        plan = _Planner(tenant_id, wanted).plan(ledger_path)
        if _newest(tenant_id) == before:
            return plan
    with db.atomic():  # commits come faster than we read: let them wait this once
        return _Planner(tenant_id, wanted).plan(ledger_path)


@contextmanager
def _one_moment() -> Iterator[None]:
    with transaction.atomic():
        if len(connection.savepoint_ids) == 0:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def _newest(tenant_id: UUID) -> Any:
    return LakeCommit.of(tenant_id).order_by("-created_at", "-id").values_list("id", flat=True).first()


class _Planner:
    def __init__(self, tenant_id: UUID, wanted: Wanted):
        self.wanted = wanted
        self.now = db.now()
        chosen = LakeEntry.of(tenant_id)
        chosen = chosen.filter(table__in=wanted.tables) if wanted.tables else chosen
        chosen = chosen.filter(instrument__in=wanted.instruments) if wanted.instruments else chosen
        self.chosen: QuerySet[LakeEntry] = chosen
        self.entries = {entry.id: entry for entry in chosen.order_by("table", "instrument")}
        self.folder = folders((entry.table, entry.instrument) for entry in self.entries.values())
        self.made = Plan()

    def plan(self, ledger_path: Path) -> Plan:
        made, standing = self.made, [entry for entry in self.entries.values() if entry.rows]
        made.catalog = catalog.told(
            (each.table, each.instrument, each.fetched_at, each.first_ns, each.last_ns, each.quality_score)
            for each in standing
        )
        for entry in standing:
            made.entries[entry.table] = made.entries.get(entry.table, 0) + 1
            made.folders[f"{entry.table}/{self.folder[entry.table, entry.instrument]}"] = entry.instrument
        held = self._ledger(ledger_path)
        made.parts = [self._part(member, held.get(member.entry_id, [])) for member in self._members()]
        return made

    def _members(self) -> Iterator[LakeMember]:
        rows = LakeMember.objects.filter(entry__in=self.chosen, until_revision=None).select_related("segment")
        return rows.order_by("entry__table", "entry__instrument", "span_start_ns").iterator(chunk_size=2_000)

    def _part(self, member: LakeMember, held: list[tuple[int, int, int]]) -> Part:
        entry, segment = self.entries[member.entry_id], member.segment
        name = f"{self.folder[entry.table, entry.instrument]}/{span_name(entry.table, member.span_start_ns)}"
        inside = tuple(day for day, first, last in held if first <= segment.t1_ns and last >= segment.t0_ns)
        return Part(
            path=f"tables/{entry.table}/{name}.parquet",
            table=entry.table,
            instrument=entry.instrument,
            calendar=entry.calendar if inside else "",
            key=segment.key,
            sha256=segment.sha256,
            size_bytes=segment.size_bytes,
            rows=segment.rows,
            held=inside,
        )

    def _ledger(self, path: Path) -> dict[Any, list[tuple[int, int, int]]]:
        """Write the ledger's lines -> per entry the days to leave out, with the first and last instant of each."""
        from datasets.lake import ledger  # brings numpy, which a resting worker and the web have no use for

        rows = ledger.in_force(LakePartition.objects.filter(entry__in=self.chosen), self.now)
        rows = rows.order_by("entry__table", "entry__instrument", "session")
        held: dict[Any, list[tuple[int, int, int]]] = {}
        with path.open("w", encoding="utf-8") as out:
            for row in rows.values_list(*_LEDGER, "first_ns", "last_ns").iterator(chunk_size=5_000):
                *told, first_ns, last_ns = row
                line = self._line(dict(zip(_LEDGER, told, strict=True)))
                out.write(json.dumps(line, separators=(",", ":")) + "\n")
                if line["exported"]:
                    self.made.sessions[line["table"]] = self.made.sessions.get(line["table"], 0) + 1
                elif self.wanted.holds_back(line["verdict"]):
                    self._hold(line)
                    if line["rows"]:
                        day = (row[1] - _EPOCH).days
                        held.setdefault(row[0], []).append((day, first_ns, last_ns))
        return held

    def _line(self, row: dict[str, Any]) -> dict[str, Any]:
        entry = self.entries[row.pop("entry_id")]
        in_force = row["override_until"] is not None and row["override_until"] > self.now
        return {
            "table": entry.table,
            "instrument": entry.instrument,
            **row,
            "session": row["session"].isoformat(),
            "codes": "|".join(row["codes"]),
            "fetched_at": _text(row["fetched_at"]),
            "override_status": row["override_status"] if in_force else "",
            "override_reason": row["override_reason"] if in_force else "",
            "override_until": _text(row["override_until"]) if in_force else None,
            "exported": row["rows"] > 0 and not self.wanted.holds_back(row["verdict"]),
        }

    def _hold(self, line: dict[str, Any]) -> None:
        why = {name: line[name] for name in ("table", "instrument", "session", "code", "rows")}
        why |= {"status": line["verdict"], "codes": line["codes"].split("|") if line["codes"] else []}
        self.made.held_back.append(why | {"reason": reason(line)})


def reason(line: dict[str, Any]) -> str:
    """Return in words why a session is held back: a reviewer's, else the ledger's notes, else the code's meaning."""
    if line["override_status"]:
        return str(line["override_reason"])
    return str(line["notes"]) or rules.ABOUT.get(line["code"], line["code"])


def folders(entries: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the folder's name of each (table, instrument): VENUE_SYMBOL, `=` as `~`.

    Names that would meet in one folder, on disks that do not tell capitals apart too, end in a piece of their digest.
    """
    named: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for table, instrument in entries:
        named.setdefault((table, _folder(instrument).casefold()), []).append((table, instrument))
    found = {}
    for several in named.values():
        for table, instrument in several:
            ending = f"~{hashlib.sha256(instrument.encode()).hexdigest()[:8]}" if len(several) > 1 else ""
            found[table, instrument] = _folder(instrument) + ending
    return found


def span_name(table: str, start_ns: int) -> str:
    """Return the name of a span: 2024, 2024-03 or 2024-03-08."""
    day = datetime.fromtimestamp(start_ns // 10**9, UTC).date().isoformat()
    return day[: {tables.YEAR: 4, tables.MONTH: 7, tables.DAY: 10}[tables.find(table).span]]


def _folder(instrument: str) -> str:
    return instruments.parse(instrument).filename.replace("=", "~")


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
