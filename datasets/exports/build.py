"""The job that builds a bundle: plan, collect the files in a folder of its own, let it appear, then write its rows.

A file whose recipe an earlier bundle knows is taken over from there without reading it. A segment that goes in whole is
the lake's own file, read once to see that its bytes are those that were written; one with sessions to leave out is
written anew by a child. Killed anywhere, nothing but a hidden folder is left, which the next attempt removes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from django.conf import settings

from datasets.engine import children, executor, handover
from datasets.exports import bundles, documents, places, planning, views
from datasets.exports.documents import Listed
from datasets.exports.planning import Part, Plan
from datasets.lake.scan import SegmentDamaged
from datasets.models import ExportBundle, ExportFile
from datasets.storage import blobs
from tradenexus import failpoints

BATCH = 50  # segments that one child writes anew


def run_job(run: Any) -> dict[str, Any]:
    """Build the bundle of one job -> its facts. SegmentDamaged, and what a child or the disk may raise: then the
    bundle that was there before stays as it was."""
    bundle = bundles.begin(run)
    tenant_id = bundle.tenant_id
    with _room(run, bundle) as room:
        making = _Build(run, bundle, room)
        files, summary = making.files()
        data = documents.manifest(bundle.night, bundle.parameters, summary, files)
        places.write(room, documents.MANIFEST, data)
        failpoints.hit("exports.manifest")
        places.sync_tree(room)
        listed = Listed(documents.MANIFEST, blobs.digest_of(room / documents.MANIFEST), len(data))
        folder = places.name_of(bundle.night, listed.sha256)
        run.check()
        places.settle(tenant_id, room, folder)
    places.show(tenant_id, bundle.night, folder)
    former = bundle.folder
    result = bundles.finish(run, bundle, folder, listed, files, summary)
    if former not in ("", folder):
        places.remove(tenant_id, former)
    return result


@contextmanager
def _room(run: Any, bundle: ExportBundle) -> Iterator[Path]:
    room = places.room(bundle.tenant_id, run.job.ref, run.token)
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)  # gone already when it was given its name


class _Build:
    def __init__(self, run: Any, bundle: ExportBundle, room: Path):
        self.run, self.bundle, self.room = run, bundle, room
        self.work = run.work_dir()
        self.known = self._known()

    def files(self) -> tuple[list[Listed], dict[str, Any]]:
        """Put all files but the manifest into the room -> the files, and what they hold by table."""
        run, lines = self.run, self.work / "ledger.jsonl"
        run.progress("plan")
        plan = planning.make(self.bundle.tenant_id, planning.Wanted.of(self.bundle.parameters), lines)
        failpoints.hit("exports.planned")
        data = self._data(plan.parts)
        failpoints.hit("exports.collected")
        summary = _summary(plan, data)
        beside = [self._ledger(lines), *self._written(plan, data)]
        files = [*(each for _, each in data), *beside]
        sums = documents.sums(files)
        files.append(self._put(documents.SUMS, sums))
        return files, summary

    # --- data

    def _known(self) -> dict[str, tuple[Path, Listed]]:
        """Return what earlier bundles have, by recipe: the base's, and this night's own when it is built again."""
        found: dict[str, tuple[Path, Listed]] = {}
        for each in (self.bundle.base, self.bundle):
            if each is None or not each.folder:
                continue
            folder = places.bundle(each.tenant_id, each.folder)
            rows = ExportFile.objects.filter(bundle=each).exclude(recipe="")
            for told in rows.values_list("path", "sha256", "size_bytes", "rows", "recipe").iterator():
                found[told[4]] = (folder / told[0], Listed(*told))
        return found

    def _data(self, parts: Sequence[Part]) -> list[tuple[Part, Listed]]:
        found: list[tuple[Part, Listed]] = []
        waiting: list[Part] = []
        for number, part in enumerate(parts):
            self.run.check()
            self.run.progress("collect", number, len(parts), "files")
            taken = self._taken_over(part) or (None if part.held else self._whole(part))
            if taken is not None:
                found.append((part, taken))
                continue
            waiting.append(part)
            if len(waiting) == BATCH:
                found += self._cut(waiting)
                waiting = []
        return found + (self._cut(waiting) if waiting else [])

    def _taken_over(self, part: Part) -> Listed | None:
        source, known = self.known.get(part.recipe, (None, None))
        if source is None or known is None:
            return None
        with suppress(FileNotFoundError):  # an expired bundle may go at any moment: then it is made anew
            if source.stat().st_size == known.size_bytes:
                places.link(source, self.room / part.path)
                return Listed(part.path, known.sha256, known.size_bytes, known.rows, part.recipe)
        return None

    def _whole(self, part: Part) -> Listed:
        with blobs.local(part.key) as source:
            _prove(part, source)
            places.link(source, self.room / part.path)
        return Listed(part.path, part.sha256, part.size_bytes, part.rows, part.recipe)

    def _cut(self, parts: Sequence[Part]) -> list[tuple[Part, Listed]]:
        folder = self.work / "cut"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        with ExitStack() as stack:
            works = []
            for part in parts:
                source = stack.enter_context(blobs.local(part.key))
                _prove(part, source)
                told = {"table": part.table, "calendar": part.calendar, "held": list(part.held)}
                works.append({"path": handover.reads(source), **told})
            made = self._child("cut", {"works": works, "out_dir": handover.writes(folder)})["files"]
        found = []
        for part, facts in zip(parts, made, strict=True):
            if facts["rows"]:
                self._move(facts["path"], part.path)
                listed = Listed(part.path, facts["sha256"], facts["sizeBytes"], facts["rows"], part.recipe)
                found.append((part, listed))
        return found

    # --- what stands beside it

    def _ledger(self, lines: Path) -> Listed:
        folder = self.work / "ledger"
        folder.mkdir()
        made = self._child("ledger", {"lines": handover.reads(lines), "out_dir": handover.writes(folder)})
        target = self._move(made["path"], views.LEDGER)
        return Listed(views.LEDGER, blobs.digest_of(target), target.stat().st_size, made["rows"])

    def _written(self, plan: Plan, data: Sequence[tuple[Part, Listed]]) -> list[Listed]:
        named: dict[str, list[str]] = {}
        for part, _ in data:
            named.setdefault(part.table, []).append(part.path)
        held = {"count": len(plan.held_back), "partitions": plan.held_back}
        return [
            self._put("catalog.json", documents.text(plan.catalog)),
            self._put("held_back.json", documents.text(held)),
            self._put("views.sql", views.sql(named, plan.folders).encode()),
            self._put("README.md", documents.readme(self.bundle.parameters)),
        ]

    def _put(self, path: str, data: bytes) -> Listed:
        target = places.write(self.room, path, data)
        return Listed(path, blobs.digest_of(target), len(data))

    def _move(self, made: str, path: str) -> Path:
        target = self.room / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, target)
        target.chmod(0o444)
        places.sync(target)
        return target

    def _child(self, task: str, params: dict[str, Any]) -> dict[str, Any]:
        (answer,) = executor.run(
            settings.NEXUS_COMPUTE,
            f"datasets.exports.cutting:{task}",
            [params],
            limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES),
            on_message=lambda number, said: None,
            cancelled=self.run.cancelled,
        )
        return dict(answer)


def _prove(part: Part, source: Path) -> None:
    if source.stat().st_size != part.size_bytes or blobs.digest_of(source) != part.sha256:
        details = {"table": part.table, "instrument": part.instrument, "sha256": part.sha256}
        raise SegmentDamaged(f"a segment of {part.table}/{part.instrument} is not what was written", details)


def _summary(plan: Plan, data: Sequence[tuple[Part, Listed]]) -> dict[str, Any]:
    """Return by table what is in the bundle, sorted by name."""
    empty = {"entries": 0, "partitions": 0, "heldBack": 0, "files": 0, "rows": 0, "sizeBytes": 0}
    found: dict[str, dict[str, int]] = {}
    for table, entries in plan.entries.items():
        found.setdefault(table, dict(empty))["entries"] = entries
    for table, sessions in plan.sessions.items():
        found.setdefault(table, dict(empty))["partitions"] = sessions
    for held in plan.held_back:
        found.setdefault(held["table"], dict(empty))["heldBack"] += 1
    for part, listed in data:
        of = found[part.table]
        of["files"] += 1
        of["rows"] += listed.rows or 0
        of["sizeBytes"] += listed.size_bytes
    return dict(sorted(found.items()))
