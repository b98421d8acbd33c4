"""Clears scratch folders that killed attempts left behind under NEXUS_HOME/work.

A folder is known by the job's hex digits in its name; it goes when that job is not running and nothing was made in it
for an hour. Folders of other names (the spool) are not ours.
"""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from uuid import UUID

from django.conf import settings

from tradenexus.jobs.models import Job, State

AGE_S = 3_600
_NAME = re.compile(r"(?:job_)?([0-9a-f]{32})(?:-\d+)?")


def clear(now_s: float | None = None) -> int:
    """Remove what is left over; return how many folders went. `now_s` is Unix time."""
    root = Path(settings.NEXUS_HOME) / "work"
    edge = (time.time() if now_s is None else now_s) - AGE_S
    old: dict[UUID, list[Path]] = {}
    for folder in root.iterdir() if root.is_dir() else []:
        match = _NAME.fullmatch(folder.name)
        if match and folder.is_dir() and folder.stat().st_mtime < edge:
            old.setdefault(UUID(hex=match.group(1)), []).append(folder)
    running = set(Job.everyone.filter(pk__in=old, state=State.RUNNING).values_list("pk", flat=True))
    gone = [folder for job, folders in old.items() if job not in running for folder in folders]
    for folder in gone:
        shutil.rmtree(folder, ignore_errors=True)
    return len(gone)
