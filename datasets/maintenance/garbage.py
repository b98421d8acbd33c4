"""Garbage collection: earlier revisions past their time, segments that nothing refers to, files that no row names.

With a revision go the differences between it and others that jobs have found and kept.

A segment goes in two phases. First, when no revision that can be read has it and nothing else holds it, it is
*retired*. A day later, if still nothing has it, its row is deleted by compare-and-swap, and then its bytes; a commit
that takes it up again in between wins, or is told to store the bytes anew. A file without a row goes when it is older
than a day and no job that lives could be about to write its row. A dry run changes nothing and lists what would go.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Exists, Min, OuterRef, ProtectedError, Q, QuerySet

from datasets.lake import fulldiff
from datasets.maintenance import fsck, records, roots, stored
from datasets.maintenance.lakescrub import Effect
from datasets.models import DatasetVersion, LakeDiff, LakeEntry, LakeMember, LakeRevision, LakeSegment, Status
from datasets.storage import blobs, inventory
from tradenexus import db, failpoints
from tradenexus.actor import system
from tradenexus.events import outbox
from tradenexus.ids import encode
from tradenexus.jobs.models import LIVE, Job

AGE = timedelta(days=1)
EVERY_S = 6 * 3_600.0
_SKEW_S = 3_600  # between the database's clock and the storage's
_BATCH = 200
_WORKING = (Status.UPLOADING, Status.VALIDATING, Status.TRANSFORMING)


class Collection:
    """One run in one workspace."""

    def __init__(self, tenant_id: UUID, *, dry_run: bool, request_id: str, watch: fsck.Watch, effect: Effect) -> None:
        self.tenant_id, self.dry_run, self.watch, self.effect = tenant_id, dry_run, watch, effect
        self.actor, self.now = system(tenant_id, request_id), db.now()
        self.counts = dict.fromkeys(("revisions", "diffs", "retired", "revived", "held", "young", "inFlight"), 0)
        self.removed, self.orphans = _Heap(), _Heap()
        # Asked before files are listed: a job that ends meanwhile has written its rows, and is asked for them below.
        self.oldest_job_s = self._oldest_job()

    def run(self) -> dict[str, Any]:
        """Collect, and return what went."""
        self._let_revisions_go()
        self._remove_diffs()
        self._retire()
        self._remove_segments()
        self._remove_orphans()
        told = {"removed": self.removed.as_dict(), "orphans": self.orphans.as_dict()}
        result = {"ok": True, "dryRun": self.dry_run, **self.counts, **told}
        if not self.dry_run and (
            self.removed.count or self.orphans.count or self.counts["revisions"] or self.counts["diffs"]
        ):
            with self.effect():
                outbox.record(self.actor, "lake.collected", encode("tnt", self.tenant_id), new="done", details=result)
        return result

    # --- revisions

    def _let_revisions_go(self) -> None:
        days = settings.NEXUS_LAKE_REVISIONS_KEPT_DAYS
        if not days:
            return
        edge = self.now - timedelta(days=days)
        closed = LakeMember.objects.filter(entry__tenant_id=self.tenant_id, until_revision__isnull=False)
        for entry in LakeEntry.of(self.tenant_id).filter(id__in=closed.values("entry_id")).iterator(500):
            self.watch("revisions", self.counts["revisions"])
            known = LakeRevision.objects.filter(entry=entry, created_at__lte=edge).order_by("-number")
            floor = known.values_list("number", flat=True).first()
            gone = LakeMember.objects.filter(entry=entry, until_revision__lte=floor or 0)
            count = gone.count() if floor else 0
            if not count:
                continue
            self.counts["revisions"] += count
            if self.dry_run:
                continue
            with self.effect():
                LakeEntry.everyone.filter(id=entry.id, oldest_revision__lt=floor).update(oldest_revision=floor)
                gone.delete()
                failpoints.hit("gc.revisions")

    # --- what jobs found between revisions that are not both kept

    def _remove_diffs(self) -> None:
        for row in list(fulldiff.stale(LakeDiff.of(self.tenant_id))):
            self.watch("revisions", self.counts["revisions"])
            self.counts["diffs"] += 1
            if self.dry_run:
                continue
            with self.effect():
                # A job that is at it finds no row any more, and takes back what it stored.
                LakeDiff.everyone.filter(id=row.id).delete()
            failpoints.hit("gc.diff_deleted")
            if row.key:
                blobs.delete(row.key)

    # --- segments

    def _loose(self) -> QuerySet[LakeSegment]:
        return LakeSegment.of(self.tenant_id).filter(~Exists(LakeMember.objects.filter(segment=OuterRef("pk"))))

    def _retire(self) -> None:
        ids = list(self._loose().filter(retired_at=None).values_list("id", flat=True))
        for start in range(0, len(ids), _BATCH):
            some = ids[start : start + _BATCH]
            held = roots.held(some)
            self.counts["held"] += len(held)
            free = [each for each in some if each not in held]
            if self.dry_run:
                self.counts["retired"] += len(free)
                continue
            with self.effect():
                self.counts["retired"] += self._loose().filter(id__in=free, retired_at=None).update(retired_at=self.now)
                failpoints.hit("gc.retired")

    def _remove_segments(self) -> None:
        due = LakeSegment.of(self.tenant_id).filter(retired_at__lte=self.now - AGE).order_by("retired_at", "id")
        for segment in list(due):
            self.watch("segments", self.removed.count)
            if roots.held([segment.id]) or LakeMember.objects.filter(segment=segment).exists():
                self._revive(segment)
            elif self.dry_run:
                self.removed.add(segment.key, segment.size_bytes)
            elif self._delete_row(segment):
                failpoints.hit("gc.row_deleted")
                blobs.delete(segment.key)
                failpoints.hit("gc.blob_deleted")
                self.removed.add(segment.key, segment.size_bytes)
            else:
                self.counts["revived"] += 1

    def _revive(self, segment: LakeSegment) -> None:
        self.counts["revived"] += 1
        if not self.dry_run:
            with self.effect():
                LakeSegment.everyone.filter(id=segment.id, retired_at=segment.retired_at).update(retired_at=None)

    def _delete_row(self, segment: LakeSegment) -> bool:
        """Delete the row if nobody took the segment up again -> whether it is gone."""
        try:
            with self.effect():
                # The row lock of this update settles it with a commit: who comes second sees what the first one did.
                same = self._loose().filter(id=segment.id, retired_at=segment.retired_at)
                if not same.update(retired_at=segment.retired_at) or roots.held([segment.id]):
                    return False
                LakeSegment.everyone.filter(id=segment.id).delete()
        except (ProtectedError, IntegrityError):
            return False
        return True

    # --- files without a row

    def _oldest_job(self) -> float:
        mine = Q(tenant_id=self.tenant_id) | Q(tenant_id=None)
        oldest: datetime | None = Job.everyone.filter(mine, state__in=LIVE).aggregate(n=Min("created_at"))["n"]
        return oldest.timestamp() if oldest else float("inf")

    def _remove_orphans(self) -> None:
        for found in fsck.unnamed(stored.zones_of(self.tenant_id), self.watch):
            form = stored.form_of(found.key)
            if not form.kind:
                continue
            if time.time() - found.at_s < AGE.total_seconds():
                self.counts["young"] += 1
            elif found.at_s >= self.oldest_job_s - _SKEW_S:
                self.counts["inFlight"] += 1
            elif self._remove_orphan(found, form):
                self.orphans.add(found.key, found.size_bytes)
            else:
                self.counts["inFlight"] += 1

    def _remove_orphan(self, found: inventory.Found, form: stored.Form) -> bool:
        if self.dry_run:
            return not stored.named([found.key])
        with self.effect():
            if form.version_id and not self._resting(form.version_id):
                return False
            if stored.named([found.key]):
                return False
            blobs.delete(found.key)
            failpoints.hit("gc.orphan_deleted")
        return True

    def _resting(self, version_id: UUID) -> bool:
        """Tell that nothing works on a version, and keep it so to the end of the transaction: it holds its row.

        A job that would write this very file begins by changing the version's state, and waits for us.
        """
        version = DatasetVersion.everyone.filter(id=version_id).first()
        if version is None:
            return True
        same = DatasetVersion.everyone.filter(id=version_id, status=version.status)
        if version.status in _WORKING or not same.update(status=version.status):
            return False
        return not Job.everyone.filter(subject=version.ref, state__in=LIVE).exists()


class _Heap:
    """What went: how many, how many bytes, the first keys."""

    def __init__(self) -> None:
        self.count = self.size_bytes = 0
        self.first: list[str] = []

    def add(self, key: str, size_bytes: int) -> None:
        self.count += 1
        self.size_bytes += size_bytes
        if len(self.first) < records.SHOWN:
            self.first.append(key)

    def as_dict(self) -> dict[str, Any]:
        return {"count": self.count, "bytes": self.size_bytes, "first": self.first}


def collect(
    tenant_id: UUID,
    *,
    dry_run: bool = False,
    request_id: str = "gc",
    watch: fsck.Watch = fsck.unwatched,
    effect: Effect = db.atomic,
) -> dict[str, Any]:
    """Collect the garbage of one workspace (`dry_run`: only say what would go) -> counts, bytes and the first keys."""
    return Collection(tenant_id, dry_run=dry_run, request_id=request_id, watch=watch, effect=effect).run()
