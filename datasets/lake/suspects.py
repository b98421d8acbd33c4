"""Suspected splits: sessions that open as after a split, and the second witness without which nothing is derived.

Prices alone cannot tell a split from a fall: what is adjusted over such a session would be a guess. It is settled by a
row of corporate_actions with a split on that date that fits the prices, or by a reviewer's word (an override with its
reason) that there was none. Another vendor's series (`evidence`) corroborates or contradicts it; the action is still to
be written (`datasets.splits`), for only that is versioned and frozen with snapshots. The ledger keeps the suspicion;
where it stands is found out when it is asked:

    recorded      a split on record explains the prices
    reviewed      a reviewer said what it was
    corroborated  an independent series names the split, and none says otherwise
    contradicted  some series, or a split on record, says otherwise
    unwitnessed   nobody says anything
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import UUID

from datasets.lake import evidence, ledger, otherseries, rules, scan, state
from datasets.lake.evidence import Evidence
from datasets.market import dates, tables
from datasets.models import Grade, LakeEntry, LakePartition
from tradenexus.errors import Conflict, NotFound

CODE = "SPLIT_SUSPECT"
ACTION, REVIEWER, VENDOR = "corporate action", "reviewer", "vendor"
RECORDED, REVIEWED, UNWITNESSED = "recorded", "reviewed", "unwitnessed"
CORROBORATED, CONTRADICTED = "corroborated", "contradicted"
STATES = (RECORDED, REVIEWED, CORROBORATED, CONTRADICTED, UNWITNESSED)
_BACK_DAYS = 15  # in which the session before is looked for


class SplitUnwitnessed(Conflict):
    """Adjusted prices would reach across a session that opens as after a split, and no second witness says whether it
    was one. Raw prices can be read. If it was a split, record it (`details.record`, which says what other vendors'
    series show); if not, override the session with the reason (`details.override`). `details.sessions` names all."""

    code = "SPLIT_UNWITNESSED"


@dataclass(frozen=True)
class Suspect:
    """One suspected session: `step` is its open over the close before; `witnesses` are {kind, words} each.

    `action` is the split on record of that date, also where it explains nothing; `evidence` what other series say, and
    `digest` that of all of it and of our own rows around the session.
    """

    session: date
    step: float | None
    note: str
    witnesses: list[dict[str, str]]
    action: float | None = None
    evidence: list[Evidence] = field(default_factory=list)
    digest: str = ""

    @property
    def settled(self) -> bool:
        """Tell whether it is settled what it was: a vendor's word names the ratio, and settles nothing."""
        return any(each["kind"] != VENDOR for each in self.witnesses)

    @property
    def state(self) -> str:
        """Where it stands, one of STATES."""
        kinds = {each["kind"] for each in self.witnesses}
        if kinds & {ACTION, REVIEWER}:
            return RECORDED if ACTION in kinds else REVIEWED
        named = {each.ratio for each in self.agreeing}
        if self.action is not None or len(named) > 1 or any(e.says == evidence.CONTRADICTS for e in self.evidence):
            return CONTRADICTED
        return CORROBORATED if named else UNWITNESSED

    @property
    def agreeing(self) -> list[Evidence]:
        """The independent series that name a split which explains the prices."""
        return [each for each in self.evidence if each.says == evidence.AGREES]

    @property
    def ratio(self) -> float | None:
        """The split on record that explains it, else the one ratio that all agreeing series name."""
        if self.state == RECORDED:
            return self.action
        named = {each.ratio for each in self.agreeing}
        return named.pop() if len(named) == 1 else None


def splits_of(tenant_id: UUID, instrument: str) -> dict[int, float]:
    """Return the splits that the lake knows of an instrument, by day: new shares for one old."""
    try:
        entry = scan.entry_of(tenant_id, state.ACTIONS, instrument)
    except NotFound:
        return {}
    found: dict[int, float] = {}
    for rows in scan.tables_of(scan.locate(entry), ["ts_event", "action", "value"]):
        days = rows.column("ts_event").cast("int64").to_numpy() // dates.DAY
        told = zip(days.tolist(), rows.column("action").to_pylist(), rows.column("value").to_pylist(), strict=True)
        found |= {day: value for day, action, value in told if action == "split"}
    return found


def listed(entry: LakeEntry) -> list[Suspect]:
    """Return the suspected sessions of one entry with their witnesses, the newest first."""
    rows = list(_rows(entry.tenant_id, entry.instrument).filter(entry=entry).order_by("-session"))
    return _heard(entry, rows)


def find(entry: LakeEntry, session: date) -> Suspect:
    """Return one suspected session with its witnesses; NotFound when it is none."""
    row = _rows(entry.tenant_id, entry.instrument).filter(entry=entry, session=session).first()
    if row is None:
        raise NotFound(f"{entry} has no suspected split on {session}")
    return _heard(entry, [row])[0]


def refuse_across(entry: LakeEntry, start_ns: int | None, last_day: int, splits: dict[int, float]) -> None:
    """Refuse to adjust an entry's rows from a time on (None: its first): SplitUnwitnessed, naming the sessions.

    Factors are anchored at the last session, so each suspect after the first row counts. A suspicion in any table of
    the instrument is one. `splits` are those that would be applied.
    """
    start = max(start_ns if start_ns is not None else entry.first_ns or 0, entry.first_ns or 0)
    rows = [
        row
        for row in _rows(entry.tenant_id, entry.instrument).order_by("session")
        if start // dates.DAY < dates.to_day(row.session) <= last_day and start < row.first_ns
    ]
    open_ = [row for row, one in zip(rows, _judged(rows, splits), strict=True) if not one.settled]
    if not open_:
        return
    words = (
        f"{entry.instrument} opens on {open_[0].session} as after a split and no second witness says that it was one; "
        "its prices are not adjusted across that session"
    )
    where = [{"entry": str(row.entry), "session": str(row.session), "notes": row.notes} for row in open_[:20]]
    path = f"/v1/lake/{open_[0].entry.table}/{entry.instrument}"
    ways = {
        "record": f"{path}/suspects/{open_[0].session}/record",
        "override": f"{path}/partitions/{open_[0].session}/override",
    }
    raise SplitUnwitnessed(words, {"sessions": where, "confirm": state.ACTIONS, **ways})


def unreviewed(tenant_id: UUID, table: str, instruments: Iterable[str]) -> dict[str, list[int]]:
    """Return the suspected days of which no reviewer has said what they are, by instrument; of one table."""
    rows = _suspected(tenant_id).filter(entry__table=table, entry__instrument__in=list(instruments))
    found: dict[str, list[int]] = {}
    for row in rows.order_by("session"):
        if not _reviewed(row):
            found.setdefault(row.entry.instrument, []).append(dates.to_day(row.session))
    return found


def _suspected(tenant_id: UUID) -> Any:
    held = LakePartition.objects.filter(entry__tenant_id=tenant_id, rows__gt=0, codes__icontains=CODE)
    return ledger.in_force(held.filter(status__in=[Grade.AMBER, Grade.RED])).select_related("entry")


def _rows(tenant_id: UUID, instrument: str) -> Any:
    return _suspected(tenant_id).filter(entry__instrument=instrument)


def _reviewed(row: Any) -> bool:
    return bool(row.override_status) and row.verdict == row.override_status != Grade.RED


def _judged(rows: Sequence[Any], splits: dict[int, float]) -> list[Suspect]:
    """Return the suspects, witnessed by the splits on record (by day) and by reviewers."""
    steps = _steps(rows)
    return [_witnessed(row, steps[row.id], splits.get(dates.to_day(row.session))) for row in rows]


def _witnessed(row: Any, step: float | None, split: float | None) -> Suspect:
    witnesses = []
    if split is not None and rules.is_split(step, split):
        witnesses.append({"kind": ACTION, "words": f"{split:g} new shares for one old"})
    if _reviewed(row):
        until = f"{row.override_until:%Y-%m-%d}"
        witnesses.append({"kind": REVIEWER, "words": f"{row.override_reason[:200]} (until {until})"})
    return Suspect(row.session, step, row.notes, witnesses, split)


def _heard(entry: LakeEntry, rows: Sequence[Any]) -> list[Suspect]:
    """Return suspects of one entry with what other series say of them."""
    if not rows:
        return []
    judged = _judged(rows, splits_of(entry.tenant_id, entry.instrument))
    cases = evidence.cases_of(entry, {one.session: one.step for one in judged})
    others = otherseries.Others(entry, cases)
    heard = []
    for one, case in zip(judged, cases, strict=True):
        found = others.evidence(case)
        told = [{"kind": VENDOR, "words": f"{e.vendor}: {e.words}"} for e in found if e.says == evidence.AGREES]
        digest = evidence.fingerprint(case, found)
        heard.append(replace(one, witnesses=[*one.witnesses, *told], evidence=found, digest=digest))
    return heard


def _steps(rows: Sequence[Any]) -> dict[Any, float | None]:
    """Return each session's open over the close before it, by the row's id; the catalog is asked once an entry."""
    found: dict[Any, float | None] = {}
    for entry in {row.entry.id: row.entry for row in rows}.values():
        own = [row for row in rows if row.entry_id == entry.id]
        spans = [_around(row) for row in own]
        located = scan.locate(entry, min(start for start, _ in spans), max(end for _, end in spans))
        found |= {row.id: _step(row, scan.within(located, *span)) for row, span in zip(own, spans, strict=True)}
    return found


def _around(row: Any) -> tuple[int, int]:
    day = dates.to_day(row.session)
    return (day - _BACK_DAYS) * dates.DAY, (day + 2) * dates.DAY


def _step(row: Any, near: scan.Slice) -> float | None:
    """Return the session's open over the close before it, from the rows that stand; None where one is missing."""
    from datasets.market import partitions

    day, table = dates.to_day(row.session), tables.find(row.entry.table)
    opened = before = None
    for rows in scan.tables_of(near, ["ts_event", "open", "close"]):
        days = partitions.session_days(table, row.entry.calendar, rows.column("ts_event").cast("int64").to_numpy())
        earlier, own = (days < day).nonzero()[0], (days == day).nonzero()[0]
        before = rows.column("close")[int(earlier[-1])].as_py() if len(earlier) else before
        opened = rows.column("open")[int(own[0])].as_py() if len(own) and opened is None else opened
    return opened / before if opened and before else None
