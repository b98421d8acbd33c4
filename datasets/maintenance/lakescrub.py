"""The standing scrub: every stored byte that a row names with a digest is read again within NEXUS_SCRUB_DAYS.

A run reads its share of all bytes, by the time since the run before, the oldest reading first, and whatever is about
to be too old. A segment that differs is `damaged`: reads refuse it, its sessions are RED (`CHECKSUM`) in the ledger,
and the audit trail and the log tell of it; nothing is deleted. When its bytes are right again (restored from a backup)
the next scrub takes all that back. Of a version and of any other file it is told that they differ, and that no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from datasets.lake import ledger, rules
from datasets.maintenance import records, stored
from datasets.maintenance.fsck import Watch, unwatched
from datasets.models import (
    Chore,
    DatasetVersion,
    FileCheck,
    LakeEntry,
    LakeMember,
    LakePartition,
    LakeSegment,
    VersionCheck,
    VersionFile,
)
from datasets.storage import blobs
from tradenexus import db, failpoints
from tradenexus.actor import Actor, system
from tradenexus.events import outbox

log = structlog.get_logger(__name__)
EVERY_S = 3_600.0
CODE = "CHECKSUM"
# Parts of the time allowed: before REST nothing is read again, from LATE on it is read whatever the share says, and
# the shares of the time between make up the whole.
_REST, _LATE = 0.2, 0.8

_BATCH = 500

Files = dict[str, tuple[datetime, stored.Named]]  # by key: when it was last read (or written), and the file
Effect = Callable[[], AbstractContextManager[Any]]


def scrub(
    tenant_id: UUID,
    *,
    whole: bool = False,
    request_id: str = "scrub",
    watch: Watch = unwatched,
    effect: Effect = db.atomic,
) -> dict[str, Any]:
    """Read this run's share of a workspace (`whole`: all of it) -> counts and what is damaged; `ok` when nothing is."""
    actor, now = system(tenant_id, request_id), db.now()
    segments = LakeSegment.of(tenant_id)
    versions, files = _versions(tenant_id), _files(tenant_id, effect)
    total = (segments.aggregate(n=Sum("size_bytes"))["n"] or 0) + _version_bytes(tenant_id)
    total += sum(file.blob.size_bytes for _, file in files.values())
    budget = total if whole else int(total * share(_since(tenant_id, now)))
    rest, late = (now - timedelta(days=settings.NEXUS_SCRUB_DAYS * part) for part in (_REST, _LATE))
    told: dict[str, Any] = {"ok": True, "segments": 0, "versions": 0, "files": 0, "bytes": 0, "totalBytes": total}
    damaged: list[dict[str, str]] = []
    for kind, row in _oldest_first(segments, versions, files, budget, (now if whole else rest, late), told):
        watch("reading", told["bytes"])
        size, faults = _LOOK[kind](actor, row, watch, effect)
        told[kind] += 1
        told["bytes"] += size
        damaged += faults
    known = segments.filter(damaged_at__isnull=False).count()
    known += VersionCheck.objects.filter(version__tenant_id=tenant_id).exclude(damaged=[]).count()
    known += FileCheck.of(tenant_id).exclude(fault="").count()
    told["ok"] = not known
    return {**told, "damaged": {"count": len(damaged), "first": damaged[: records.SHOWN]}, "knownDamaged": known}


def share(elapsed_s: float) -> float:
    """Return the part of all bytes that a run reads when the one before was so many seconds ago (0 to 1)."""
    return min(1.0, elapsed_s / (settings.NEXUS_SCRUB_DAYS * 86_400 * (_LATE - _REST)))


def _since(tenant_id: UUID, now: datetime) -> float:
    before = records.newest(tenant_id, [Chore.SCRUB])[Chore.SCRUB]
    return (now - before.started_at).total_seconds() if before else EVERY_S


def _versions(tenant_id: UUID) -> QuerySet[Any]:
    """Return the versions of which something is stored, each with when it was last read."""
    rows = DatasetVersion.of(tenant_id).filter(~Q(raw_key="") | Q(sealed_at__isnull=False))
    return rows.annotate(read_at=Coalesce(F("stored_check__checked_at"), F("sealed_at"), F("created_at")))


def _version_bytes(tenant_id: UUID) -> int:
    raw = DatasetVersion.of(tenant_id).exclude(raw_key="").aggregate(n=Sum("size_bytes"))["n"] or 0
    files = VersionFile.objects.filter(version__tenant_id=tenant_id).aggregate(n=Sum("size_bytes"))["n"] or 0
    return int(raw + files)


def _files(tenant_id: UUID, effect: Effect) -> Files:
    """Return the other files, and forget the checks of those that no row names any more."""
    checked = dict(FileCheck.of(tenant_id).values_list("key", "checked_at"))  # asked first: what comes now stays
    files = stored.beside(tenant_id)
    gone = sorted(checked.keys() - files.keys())
    for start in range(0, len(gone), _BATCH):
        with effect():
            FileCheck.of(tenant_id).filter(key__in=gone[start : start + _BATCH]).delete()
    return {key: (checked.get(key, at), file) for key, (at, file) in files.items()}


def _oldest_first(
    segments: QuerySet[LakeSegment],
    versions: QuerySet[Any],
    files: Files,
    budget: int,
    edges: tuple[datetime, datetime],
    told: dict[str, Any],
) -> Iterator[tuple[str, Any]]:
    """Yield what is to be read, the oldest readings of all kinds in one order, until the share is read."""
    ids: list[tuple[datetime, str, Any]] = []
    for at, pk in segments.order_by("verified_at", "id").values_list("verified_at", "id"):
        ids.append((at, "segments", pk))
    for at, pk in versions.order_by("read_at", "id").values_list("read_at", "id"):
        ids.append((at, "versions", pk))
    ids += [(at, "files", key) for key, (at, _) in files.items()]
    for at, kind, pk in sorted(ids, key=lambda each: each[0]):
        if at > edges[0] or (told["bytes"] >= budget and at > edges[1]):
            return
        if kind == "files":
            yield kind, files[pk][1]
            continue
        rows: QuerySet[Any] = segments if kind == "segments" else versions
        row = rows.filter(id=pk).first()  # garbage collection may have been here
        if row is not None:
            yield kind, row


def _read(blob: blobs.Blob, watch: Watch) -> tuple[int, str]:
    """Read a file again -> how many bytes, and what is wrong with it."""
    seen = 0

    def count(block: bytes) -> None:
        nonlocal seen
        seen += len(block)
        watch("reading", -1)

    fault = stored.fault_of(blob, deep=True, on_block=count)
    return seen, fault


def _segment(actor: Actor, segment: LakeSegment, watch: Watch, effect: Effect) -> tuple[int, list[dict[str, str]]]:
    now = db.now()
    seen, fault = _read(blobs.Blob(segment.key, segment.size_bytes, segment.sha256), watch)
    if not fault:
        with effect():
            LakeSegment.everyone.filter(id=segment.id).update(verified_at=now, damaged_at=None)
            if segment.damaged_at:
                _mark(segment, bad=False)
                outbox.record(actor, "lake.segment", segment.ref, old="damaged", new="intact", details=_facts(segment))
        return seen, []
    found = {"subject": segment.ref, "key": segment.key, "fault": fault}
    if not segment.damaged_at:
        with effect():
            # The row may be gone by now (garbage), and its bytes with it: then nothing is wrong.
            if not LakeSegment.everyone.filter(id=segment.id, damaged_at=None).update(damaged_at=now):
                return seen, []
            sessions = _mark(segment, bad=True)
            facts = {**_facts(segment), "fault": fault, "sessions": sessions}
            outbox.record(actor, "lake.segment", segment.ref, old="intact", new="damaged", reason=fault, details=facts)
            failpoints.hit("scrub.marked")
        log.error("lake.segment_damaged", segment=segment.ref, key=segment.key, fault=fault, sessions=sessions)
    return seen, [found]


def _facts(segment: LakeSegment) -> dict[str, Any]:
    return {"entry": f"{segment.table}/{segment.instrument}", "key": segment.key, "sha256": segment.sha256}


def _mark(segment: LakeSegment, *, bad: bool) -> int:
    """Make the sessions of a segment RED in the ledger, or give them their own verdict back -> how many."""
    changed = 0
    members = LakeMember.objects.filter(segment=segment, until_revision=None).select_related("entry")
    for member in members:
        rows = LakePartition.objects.filter(
            entry=member.entry, rows__gt=0, first_ns__lte=segment.t1_ns, last_ns__gte=segment.t0_ns
        )
        sessions = list(rows)
        for row in sessions:
            codes = [code for code in row.codes if code not in (CODE, "OK")]
            row.codes = rules.gravest([*codes, CODE] if bad else codes)
            row.code, row.status = row.codes[0], rules.STATUS[row.codes[0]]
            row.score = rules.score(row.codes, row.rows, -1 if row.expected is None else row.expected)
        LakePartition.objects.bulk_update(sessions, ["codes", "code", "status", "score"], batch_size=500)
        changed += len(sessions)
        entry = LakeEntry.everyone.get(id=member.entry_id)
        ledger.tally([entry])
        LakeEntry.everyone.filter(id=entry.id).update(**{name: getattr(entry, name) for name in ledger.TALLIED})
    return changed


def _version(actor: Actor, version: DatasetVersion, watch: Watch, effect: Effect) -> tuple[int, list[dict[str, str]]]:
    now, seen, damaged = db.now(), 0, []
    for blob in stored.blobs_of(version):
        size, fault = _read(blob, watch)
        seen += size
        if fault:
            damaged.append({"key": blob.key, "fault": fault})
    with effect():
        before = VersionCheck.objects.filter(version=version).first()
        known = before.damaged if before else []
        VersionCheck.objects.update_or_create(version=version, defaults={"checked_at": now, "damaged": damaged})
        if damaged != known:
            verdict = "damaged" if damaged else "intact"
            facts = {"damaged": damaged[: records.SHOWN], "bytes": seen}
            outbox.record(actor, "version.verified", version.ref, new=verdict, details=facts, data={"verdict": verdict})
    for each in damaged if damaged != known else ():
        log.error("version.damaged", version=version.ref, **each)
    return seen, [{"subject": version.ref, **each} for each in damaged]


def _file(actor: Actor, file: stored.Named, watch: Watch, effect: Effect) -> tuple[int, list[dict[str, str]]]:
    now, key = db.now(), file.blob.key
    seen, fault = _read(file.blob, watch)
    with effect():
        if fault and not stored.named([key]):
            return seen, []  # the row is gone by now, and its bytes with it: nothing is wrong
        checks = FileCheck.everyone.filter(key=key)
        checks.get_or_create(key=key, defaults={"tenant_id": actor.tenant_id, "checked_at": now})
        # Compared and swapped, so that of two runs at once only one tells of it.
        changed = (checks.filter(fault="") if fault else checks.exclude(fault="")).update(fault=fault)
        checks.update(checked_at=now, fault=fault)
        if changed:
            old, new = ("intact", "damaged") if fault else ("damaged", "intact")
            facts = {"key": key, "sha256": file.blob.sha256}
            told: dict[str, Any] = {"reason": fault, "details": facts, "data": {"verdict": new}}
            outbox.record(actor, "file.verified", file.subject, old=old, new=new, **told)
            failpoints.hit("scrub.file_marked")
    if changed and fault:
        log.error("file.damaged", subject=file.subject, key=key, fault=fault)
    return seen, [{"subject": file.subject, "key": key, "fault": fault}] if fault else []


_LOOK: dict[str, Callable[..., tuple[int, list[dict[str, str]]]]] = {
    "segments": _segment,
    "versions": _version,
    "files": _file,
}
