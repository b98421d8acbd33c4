"""A snapshot as files for whoever reads folders: `segments` as they rest, or `single`, one file an entry.

Each file is put down whole, the manifest last: a folder with a manifest is complete. Segments are given a second name
(hard link) where the storage is a folder on the same file system, else copied and compared with their digest.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages

from datasets.engine import children, executor, handover
from datasets.lake import frozen, sound
from datasets.lake.frozen import Frozen
from datasets.lake.offers import SegmentDamaged
from datasets.market import instruments, tables
from datasets.models import LakeSegment, Snapshot, SnapshotMember
from datasets.reads import time_text
from datasets.snapshots import folders, verify
from datasets.storage import blobs
from tradenexus import failpoints
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest, Conflict
from tradenexus.events import outbox
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job
from tradenexus.rest.views import find

JOB = "snapshot.materialise"
_CHILD_BYTES, _CHILD_ENTRIES = 256 << 20, 200


class NamesClash(Conflict):
    """Two members would have one file name (VENUE_SYMBOL_interval), so `single` cannot hold both; `details` names them.

    Take the layout `segments`, or freeze them in snapshots of their own.
    """

    code = "SNAPSHOT_NAMES_CLASH"


def request(actor: Actor, snapshot: Snapshot, layout: str, folder: str = "") -> Job:
    """Start putting a snapshot down as files, inside `db.atomic()`; the same that waits or runs is joined.

    FolderRefused, NamesClash, SnapshotExpired, or VALIDATION_ERROR for a layout we do not know.
    """
    if layout not in folders.LAYOUTS:
        raise BadRequest("no such layout", {"fields": {"layout": [", ".join(folders.LAYOUTS)]}})
    frozen.standing(snapshot)
    folder = folders.checked(folder)
    if layout == folders.SINGLE:
        rows = SnapshotMember.objects.filter(snapshot=snapshot).order_by()
        names_of(rows.values_list("entry__table", "entry__instrument").distinct())
    params = {"snapshotId": snapshot.ref, "layout": layout, "folder": folder}
    dedupe = f"{snapshot.ref}:{layout}:{folder}"
    job = queue.submit(actor, JOB, params, subject=snapshot.ref, dedupe=dedupe)
    told = {"job": job.ref, "layout": layout, "folder": folder}
    outbox.record(actor, "snapshot.materialise", snapshot.ref, new="asked", details=told, data=told)
    return job


def run_job(run: Any) -> dict[str, Any]:
    """Put the files down; a second attempt leaves alone what is there and right."""
    snapshot = find(run.actor, Snapshot, run.params["snapshotId"])
    layout, folder = run.params["layout"], run.params["folder"]
    held = frozen.entries_of(snapshot)
    manifest = frozen.manifest_of(snapshot)
    path = folders.place_of(snapshot, layout, folder)
    whose = {"snapshotId": snapshot.ref, "digest": snapshot.digest, "layout": layout}
    folders.claim(path, whose)
    made = _segments(run, held, path) if layout == folders.SEGMENTS else _single(run, snapshot, held, path)
    snapshot.refresh_from_db()
    if snapshot.state != "frozen":
        if not folder:
            shutil.rmtree(path, ignore_errors=True)
        frozen.standing(snapshot)
    failpoints.hit("snapshots.placed")
    files = [{name: each[name] for name in each if name != "linked"} for each in made]
    document = {
        **whose,
        "name": snapshot.name,
        "start": time_text(snapshot.start_ns),
        "end": time_text(snapshot.end_ns),
        "files": files,
        "snapshot": manifest,
    }
    sha256 = folders.put_text(path / folders.MANIFEST, document)
    (path / folders.BEGUN).unlink(missing_ok=True)
    result = {
        "folder": str(path),
        "layout": layout,
        "files": len(files),
        "bytes": sum(each["sizeBytes"] for each in made),
        "linked": sum(each["linked"] for each in made),
        "manifestSha256": sha256,
    }
    with run.effect() as effect:
        effect.finish(result)
        outbox.record(run.actor, "snapshot.materialised", snapshot.ref, new=layout, details=result)
    return result


def names_of(members: Sequence[tuple[str, str]] | Any) -> dict[tuple[str, str], str]:
    """Return the file's name of each (table, instrument): bars VENUE_SYMBOL_interval, others VENUE_SYMBOL_table.

    NamesClash when two members would have the same one, capitals not counted.
    """
    names: dict[tuple[str, str], str] = {}
    owners: dict[str, tuple[str, str]] = {}
    for table_name, instrument in members:
        table = tables.find(table_name)
        end = table.interval if table.family == tables.BARS else table.name
        name = f"{instruments.parse(instrument).filename}_{end}.parquet"
        other = owners.setdefault(name.lower(), (table_name, instrument))
        if other != (table_name, instrument):
            both = [f"{one}/{of}" for one, of in (other, (table_name, instrument))]
            raise NamesClash(f"{both[0]} and {both[1]} would both be {name}", {"members": both, "file": name})
        names[table_name, instrument] = name
    return names


# --- segments as they rest


def _segments(run: Any, held: list[Frozen], path: Path) -> list[dict[str, Any]]:
    total, made = sum(len(each.segments) for each in held), []
    may_link = isinstance(storages["data"], FileSystemStorage)
    for each in held:
        for segment in each.segments:
            run.check()
            day = datetime.fromtimestamp(segment.span_start_ns // 1_000_000_000, UTC)
            name = f"{day:%Y%m%d}-{segment.sha256[:16]}.parquet"
            relative = f"{each.entry.table}/{instruments.parse(each.entry.instrument).filename}/{name}"
            linked = _put(segment, path / relative, may_link)
            made.append(_file(relative, each, segment.rows, segment.size_bytes, segment.sha256) | {"linked": linked})
            failpoints.hit("snapshots.file_placed")
            run.progress("placing", len(made), total, "files")
    return made


def _put(segment: LakeSegment, target: Path, may_link: bool) -> bool:
    with blobs.local(segment.key) as source:
        if may_link:
            with suppress(SegmentDamaged):  # a copy shows it by its digest
                sound.check(segment, source)
                if folders.link(source, target):
                    return True
        if target.exists() and blobs.digest_of(target) == segment.sha256:
            return False
        if folders.copy(source, target) == segment.sha256:
            return False
    target.unlink()
    details = {"segment": segment.ref, "sha256": segment.sha256}
    raise verify.SnapshotDamaged(f"a segment of {segment.table}/{segment.instrument} has other bytes", details)


# --- one file an entry


def _single(run: Any, snapshot: Snapshot, held: list[Frozen], path: Path) -> list[dict[str, Any]]:
    names = names_of([(each.entry.table, each.entry.instrument) for each in held])
    made: list[dict[str, Any]] = []
    for number, batch in enumerate(_batches(held)):
        room = run.work_dir() / f"single-{number}"
        room.mkdir()
        answers = _child(run, snapshot, batch, room, len(made), len(held))
        for each, answer in zip(batch, answers, strict=True):
            run.check()
            name = names[each.entry.table, each.entry.instrument]
            sha256 = folders.copy(Path(answer["path"]), path / name)
            size = (path / name).stat().st_size
            told = {"firstNs": answer["firstNs"], "lastNs": answer["lastNs"], "linked": False}
            made.append(_file(name, each, answer["rows"], size, sha256) | told)
            failpoints.hit("snapshots.file_placed")
        shutil.rmtree(room)
    return made


def _child(
    run: Any, snapshot: Snapshot, batch: list[Frozen], room: Path, before: int, total: int
) -> list[dict[str, Any]]:
    with ExitStack() as stack:
        works = [
            {
                "table": each.entry.table,
                "instrument": each.entry.instrument,
                "inputs": [handover.reads(stack.enter_context(sound.local(one))) for one in each.segments],
            }
            for each in batch
        ]
        params = {"works": works, "startNs": snapshot.start_ns, "endNs": snapshot.end_ns}
        (answer,) = executor.run(
            settings.NEXUS_COMPUTE,
            "datasets.snapshots.writing:single",
            [params | {"out_dir": handover.writes(room)}],
            limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES),
            on_message=lambda _, said: run.progress(said["phase"], before + said["done"], total, "files"),
            cancelled=run.cancelled,
        )
    return list(answer["files"])


def _batches(held: list[Frozen]) -> Iterator[list[Frozen]]:
    """Cut the entries into what one child is given: so many, and so many bytes that may have to be fetched."""
    batch: list[Frozen] = []
    size = 0
    for each in held:
        own = sum(segment.size_bytes for segment in each.segments)
        if batch and (size + own > _CHILD_BYTES or len(batch) == _CHILD_ENTRIES):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += own
    if batch:
        yield batch


def _file(path: str, each: Frozen, rows: int, size_bytes: int, sha256: str) -> dict[str, Any]:
    told = {"path": path, "table": each.entry.table, "instrument": each.entry.instrument}
    return {**told, "rows": rows, "sizeBytes": size_bytes, "sha256": sha256}
