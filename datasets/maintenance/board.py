"""What the operations index says of upkeep: the newest backup, scrub, check and collection, and what is damaged."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet, Value

from datasets.maintenance import records
from datasets.models import MIRROR, Chore, FileCheck, LakeSegment, Upkeep, VersionCheck
from tradenexus.jobs.models import Job, State

_NAMES = {
    Chore.BACKUP: "Backup",
    Chore.SCRUB: "Scrub",
    Chore.FSCK: "Rows against files",
    Chore.GC: "Garbage collection",
    Chore.AUDIT: "Data audit",
}


def lines() -> list[dict[str, Any]]:
    """Return {name, row (None: never), state (ok, warn, fail, none), note} of each kind, over all workspaces."""
    newest = records.newest(None, _NAMES)
    bad: list[QuerySet[Any]] = [
        LakeSegment.everyone.filter(damaged_at__isnull=False),
        VersionCheck.objects.exclude(damaged=[]),
        FileCheck.everyone.exclude(fault=""),
    ]
    first, *others = (rows.order_by().values_list(Value(1)) for rows in bad)
    damaged = first.union(*others, all=True).count()
    found = [*(_line(chore, row) for chore, row in newest.items()), _mirror()]
    if damaged:
        words = f"{damaged} segment(s), version(s) or other file(s) are not what was written: "
        words += "manage.py maintenance fsck --deep"
        found.append({"name": "Damaged", "row": None, "state": "failed", "note": words})
    return found


def _line(chore: str, row: Upkeep | None) -> dict[str, Any]:
    name = _NAMES[Chore(chore)]
    if row is None:
        note = "never: manage.py backup DIR" if chore == Chore.BACKUP else "never"
        return {"name": name, "row": None, "state": "none", "note": note}
    return {"name": name, "row": row, "state": "sound" if row.ok else "failed", "note": _said(chore, row.result)}


def _mirror() -> dict[str, Any]:
    done = Job.everyone.filter(kind=MIRROR, tenant=None, state__in=[State.SUCCEEDED, State.FAILED])
    job = done.order_by("-finished_at").first()
    if job is None:
        return {"name": "Ledger as files", "row": None, "state": "none", "note": "never"}
    ok, told = job.state == State.SUCCEEDED, job.result or {}
    note = f"{len(told.get('written', []))} written, {told.get('unchanged', 0)} unchanged" if ok else "see the job"
    row = {"ok": ok, "finished_at": job.finished_at}
    return {"name": "Ledger as files", "row": row, "state": "sound" if ok else "failed", "note": note}


def _said(chore: str, result: dict[str, Any]) -> str:
    if chore == Chore.BACKUP:
        return f"{result['files']} files, {len(result['damaged'])} damaged"
    if chore == Chore.SCRUB:
        read = [f"{result.get(kind, 0)} {kind}" for kind in ("segments", "versions")]
        return f"{', '.join(read)} and {result.get('files', 0)} other files read"
    if chore == Chore.FSCK:
        dangling = result.get("dangling", {}).get("count", 0)
        return f"{result.get('rows', 0)} files named, {dangling} dangling"
    if chore == Chore.AUDIT:
        drifted, toxic = (result.get(name, {}).get("count", 0) for name in ("drifted", "toxic"))
        return f"{result.get('entries', 0)} entries, {drifted} drifted, {toxic} toxic sessions"
    return f"{result.get('removed', {}).get('count', 0)} segments and {result.get('orphans', {}).get('count', 0)} files"
