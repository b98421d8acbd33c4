"""catalog.json and the quality ledger as files outside of any bundle: for programs that look at one folder.

Both are of one moment of the lake; each is replaced at once, so that a reader sees the old one or the new one.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings

from datasets.engine import children, executor, handover
from datasets.exports import documents, places, planning, views
from datasets.storage import blobs


def write(tenant_id: UUID, folder: Path) -> list[Path]:
    """Write `catalog.json` and `qc/partition_status.parquet` below a folder -> their paths.

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
    written = {views.LEDGER: ledger, "catalog.json": documents.text(plan.catalog)}
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
