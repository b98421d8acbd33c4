"""A job of ingestion: fetch a batch from its vendor, land it, commit it, write down what came of each item.

What has landed is written down before it is committed, and the commit's key is made of what landed: a job that is
killed anywhere and run again fetches nothing twice that lies in staging, and commits nothing twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from backfill.ingestion import settling
from backfill.landing import asking, zones
from backfill.models import IngestItem, IngestRun, ItemState
from backfill.vendors import errors, registry
from backfill.vendors.base import Request
from datasets.engine.children import ChildCancelled
from datasets.lake import commit, instruments
from datasets.lake.offers import Offer
from datasets.lake.rules import NEWER, RANK
from datasets.lake.state import ACTIONS
from datasets.models import LakeEntry, LakePartition
from tradenexus import db, failpoints, ids
from tradenexus.errors import ProblemError, Unavailable
from tradenexus.jobs.errors import Cancelled, LeaseLost
from tradenexus.jobs.registry import RetryLater


def carry(run: Any) -> dict[str, Any]:
    """Settle every open item of the job; RetryLater while the vendor asks for patience."""
    ingest = IngestRun.of(run.actor.tenant_id).get(id=ids.decode(IngestRun.prefix, run.params["ingestId"]))
    return _Batch(run, ingest).carry()


class _Batch:
    def __init__(self, run: Any, ingest: IngestRun):
        self.run, self.ingest, self.rooms = run, ingest, 0
        self.later: list[errors.VendorError] = []
        self.passed: set[int] = set()

    def carry(self) -> dict[str, Any]:
        self._forget_lost()
        group = self._next()
        while group and not self._is_to_wait():
            self.run.check()
            self._land(group)
            self._commit_landed()
            group = self._next()
        self._commit_landed()  # what an attempt before this one had landed, when nothing else was to be fetched
        if self.later:
            pauses = [getattr(each, "retry_after_s", None) or 0.0 for each in self.later]
            raise RetryLater(f"{self.later[0].code}: {self.later[0].message}", max(pauses) or None)
        settled = IngestItem.objects.filter(job=self.run.job)
        counted = {state: settled.filter(state=state).count() for state in ItemState.values}
        with self.run.effect() as effect:
            effect.finish(counted)
            settling.close(self.run.actor, self.ingest)
        if settling.state_of(self.ingest, settling.counts(self.ingest)) == "finished":
            zones.drop(self.ingest.ref)
        return counted

    def _items(self, state: str) -> list[IngestItem]:
        rows = IngestItem.objects.filter(job=self.run.job, state=state).order_by("number")
        return [item for item in rows if item.id not in self.passed]

    def _next(self) -> list[IngestItem]:
        """Return what is to be asked for next: splits and dividends first, prices are judged by them."""
        open_ = IngestItem.objects.filter(job=self.run.job, state=ItemState.PENDING, id__in=self.passed, table=ACTIONS)
        waiting = set(open_.values_list("instrument", flat=True))
        pending = [item for item in self._items(ItemState.PENDING) if item.instrument not in waiting]
        return [item for item in pending if item.table == ACTIONS] or pending

    def _is_to_wait(self) -> bool:
        return any(isinstance(each, errors.RateLimited) for each in self.later)

    def _room(self) -> Path:
        self.rooms += 1
        return Path(self.run.work_dir()) / f"room-{self.rooms}"

    # --- landing

    def _land(self, group: list[IngestItem]) -> None:
        group = self._still_stale(group)
        if not group:
            return
        end_ns = int(db.now().timestamp()) * 1_000_000_000
        requests = [Request(item.table, item.instrument, item.start_ns, end_ns) for item in group]
        listed = registry.ready(group[0].vendor)
        there = sum(item.landed["rows"] for item in self._items(ItemState.LANDED))
        most_rows = max(1, settings.NEXUS_INGEST_ROWS - there)
        answers = asking.ask(listed, requests, self._room(), self.run, most_rows)
        for item, answer in zip(group, answers, strict=False):
            if isinstance(answer, asking.Landed):
                self._keep(item, answer)
            elif isinstance(answer, settling.AGAIN):
                self._put_off(item, answer)
            elif isinstance(answer, errors.AccessDenied):
                self._settle(self._items(ItemState.PENDING), answer)
            else:
                self._settle([item], answer)

    def _still_stale(self, group: list[IngestItem]) -> list[IngestItem]:
        """Leave out what another run has fetched since this one was asked for."""
        if self.ingest.options.get("full"):
            return group
        stale = []
        for item in group:
            entry = LakeEntry.of(self.ingest.tenant_id).filter(table=item.table, instrument=item.instrument).first()
            if entry and entry.fetched_at and entry.fetched_at > self.ingest.created_at:
                with self.run.effect():
                    why = f"fetched meanwhile, {entry.fetched_at:%Y-%m-%d %H:%M}Z"
                    settling.end(item, ItemState.FRESH, reason=why)
            else:
                stale.append(item)
        return stale

    def _keep(self, item: IngestItem, answer: asking.Landed) -> None:
        kept = zones.keep(answer.path, self.ingest.ref, f"{item.number:06d}.parquet")
        landed = {
            "name": kept.name,
            "sha256": answer.sha256,
            "rows": answer.rows,
            "startNs": answer.start_ns,
            "endNs": answer.end_ns,
            "fetchedAt": answer.fetched_at.isoformat(),
            "gaps": answer.gaps,
        }
        try:
            with self.run.effect():
                instruments.ensure(self.run.actor, item.instrument, item.facts)
                IngestItem.objects.filter(id=item.id, state=ItemState.PENDING).update(
                    state=ItemState.LANDED, landed=landed, code="", reason=""
                )
        except (Cancelled, LeaseLost):
            raise
        except ProblemError as refused:
            self._settle([item], refused)
        failpoints.hit("ingestion.landed")

    def _put_off(self, item: IngestItem, told: errors.VendorError) -> None:
        self.passed.add(item.id)
        self.later.append(told)
        with self.run.effect():
            IngestItem.objects.filter(id=item.id).update(code=told.code, reason=told.message[:2000])

    def _settle(self, items: Sequence[IngestItem], problem: ProblemError) -> None:
        for item in items:
            self.run.log(f"{item}: {problem.code}: {problem.message}", "warning")
            with self.run.effect():
                settling.refused(item, problem)

    # --- committing

    def _commit_landed(self) -> None:
        landed = self._items(ItemState.LANDED)
        for group in ([item for item in landed if (item.table == ACTIONS) is first] for first in (True, False)):
            if group:
                self._commit(group)

    def _forget_lost(self) -> None:
        """A staged file that is gone was removed by hand, or lies on another host: it is fetched again."""
        for item in self._items(ItemState.LANDED):
            if not zones.path(self.ingest.ref, item.landed["name"]).is_file():
                with self.run.effect():
                    open_ = IngestItem.objects.filter(id=item.id, state=ItemState.LANDED)
                    open_.update(state=ItemState.PENDING, landed={})

    def _commit(self, group: list[IngestItem]) -> None:
        offers = [self._offer(item) for item in group]
        try:
            made = commit.commit(
                self.run.actor,
                offers,
                operation="ingest",
                key=_key(self.ingest, group),
                room=self._room(),
                source=self.ingest.ref,
                run=self.run,
            )
        except (Cancelled, LeaseLost, ChildCancelled):
            raise
        except ProblemError as refused:
            self._not_taken(group, refused)
            return
        failpoints.hit("ingestion.committed")
        for item in group:
            with self.run.effect():
                settling.entered(item, made)
            zones.path(self.ingest.ref, item.landed["name"]).unlink(missing_ok=True)

    def _not_taken(self, group: list[IngestItem], refused: ProblemError) -> None:
        """One of many is to blame: alone, each answers for itself."""
        if refused.status == Unavailable.status or isinstance(refused, commit.LakeBusy):
            raise RetryLater(f"{refused.code}: {refused.message}") from refused
        if len(group) > 1:
            for item in group:
                self._commit([item])
        else:
            self._settle(group, refused)

    def _offer(self, item: IngestItem) -> Offer:
        policy = self.ingest.options.get("policy") or settings.NEXUS_INGEST_POLICY
        return Offer(
            item.table,
            item.instrument,
            (zones.path(self.ingest.ref, item.landed["name"]),),
            item.landed["startNs"],
            item.landed["endNs"],
            item.vendor,
            datetime.fromisoformat(item.landed["fetchedAt"]),
            # A newer answer restates its vendor's own rows; those of another only by the order of preference.
            policy=RANK if policy == NEWER else policy,
            ranks=self._ranks(item),
        )

    def _ranks(self, item: IngestItem) -> dict[str, int]:
        """Rank whose rows stand in the entry: vendors as preferred, before them who is none (a person's upload)."""
        rows = LakePartition.objects.filter(entry__tenant_id=self.ingest.tenant_id, entry__table=item.table)
        held = rows.filter(entry__instrument=item.instrument).values_list("vendor", flat=True).distinct()
        ranks = {each.name: rank for rank, each in enumerate(registry.listed(), 1)}
        return {**{name: 0 for name in held if name not in ranks}, **ranks}


def _key(ingest: IngestRun, group: Sequence[IngestItem]) -> str:
    content = sorted([item.id, item.landed["sha256"]] for item in group)
    return f"{ingest.ref}:{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:40]}"
