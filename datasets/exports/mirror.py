"""catalog.json, the quality ledger and the list of the lake's files outside of any bundle, in one folder for programs.

Each is of one moment of the lake and is replaced at once, so that a reader sees the old one or the new one.
"""

from __future__ import annotations

import json
import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db.models import Max

from datasets.engine import children, executor, handover
from datasets.exports import documents, live, places, planning, views
from datasets.models import MIRROR, LakeEntry
from datasets.storage import blobs
from tradenexus import db
from tradenexus.events.models import Event

JOB, EVERY_S = MIRROR, 300
FILES = (views.LEDGER, "catalog.json", "segments.jsonl", "views.sql")
MARK = ".mirrored"  # up to which event the files were written, and when
OLDEST_S = 86_400  # verdicts of reviewers end and rows grow late without an event: written anew after a day


def place(tenant_id: UUID) -> Path:
    """Return the folder in which a workspace's mirror is kept up to date."""
    return places.root(tenant_id) / "lake"


def keep_up(run: Any) -> dict[str, Any]:
    """Write the files of the workspaces whose lake has changed -> {written: paths of folders, unchanged}."""
    written, unchanged = [], 0
    for tenant_id in LakeEntry.everyone.order_by().values_list("tenant_id", flat=True).distinct():
        run.check()
        if refresh(tenant_id):
            written.append(str(place(tenant_id)))
        else:
            unchanged += 1
    return {"written": written, "unchanged": unchanged}


def refresh(tenant_id: UUID) -> bool:
    """Write a workspace's files if its lake changed since, or a day has gone by; tell whether it did."""
    folder, now = place(tenant_id), db.now()
    newest = Event.of(tenant_id).filter(type__startswith="lake.").aggregate(seq=Max("seq"))["seq"] or 0
    known = _mark(folder)
    fresh = known is not None and (now - datetime.fromisoformat(known["at"])).total_seconds() < OLDEST_S
    if known and fresh and newest <= known["seq"]:
        return False
    write(tenant_id, folder)
    _replaced(folder, MARK, json.dumps({"seq": newest, "at": now.isoformat()}).encode())
    return True


def _mark(folder: Path) -> dict[str, Any] | None:
    try:
        known: dict[str, Any] = json.loads((folder / MARK).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return known if all((folder / path).exists() for path in FILES) else None


def write(tenant_id: UUID, folder: Path) -> list[Path]:
    """Write the FILES below a folder -> their paths.

    The ledger's column `exported` says what a bundle without AMBER sessions would hold.
    """
    with tempfile.TemporaryDirectory(dir=_work(), prefix="mirror-") as name:
        room, lines = Path(name) / "out", Path(name) / "ledger.jsonl"
        room.mkdir()
        plan = planning.make(tenant_id, planning.Wanted(), lines)
        (made,) = executor.run(
            settings.NEXUS_COMPUTE,
            "datasets.exports.cutting:ledger",
            [{"lines": handover.reads(lines), "out_dir": handover.writes(room)}],
            limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES),
            on_message=lambda number, said: None,
            cancelled=lambda: False,
        )
        ledger = Path(made["path"]).read_bytes()
    files = live.held(tenant_id)
    written = {
        views.LEDGER: ledger,
        "catalog.json": documents.text(plan.catalog),
        "segments.jsonl": live.lines(files),
        "views.sql": live.sql(files, db.now()),
    }
    return [_replaced(folder, path, data) for path, data in written.items()]


def _work() -> Path:
    folder = Path(settings.NEXUS_HOME) / "work"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _replaced(folder: Path, path: str, data: bytes) -> Path:
    target = folder / path
    fresh = places.write(target.parent, f".{target.name}-{uuid4().hex}", data)
    os.replace(fresh, target)
    blobs.sync_folder(target.parent)
    return target
