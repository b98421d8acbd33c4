"""The job of a repair: find gaps, ask vendors for them within the budgets, land and commit, write down what came of it.

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

from backfill.gaps import detecting
from backfill.gaps.kinds import KINDS, Gap
from backfill.landing import asking, zones
from backfill.models import RepairItem, RepairRun, RepairState
from backfill.repair import absent, holding, planning, settling, witnesses
from backfill.repair.asking import Vendors
from backfill.repair.asking import told as answer_of
from backfill.repair.witnesses import Silence
from backfill.vendors import errors
from backfill.vendors.base import Request
from backfill.vendors.registry import Listed
from datasets.engine.children import ChildCancelled
from datasets.lake import commit, rules, scan
from datasets.lake.offers import Offer
from datasets.market.ranges import Range
from datasets.models import LakeCommit
from tradenexus import db, failpoints, ids
from tradenexus.errors import ProblemError, Unavailable
from tradenexus.jobs.errors import Cancelled, LeaseLost
from tradenexus.jobs.registry import RetryLater

BESIDE = 10  # bars on either side of what is missing that another vendor is asked for, too
AGAIN = (errors.RateLimited, errors.Transient)  # these keep the item open: it is tried again


def carry(run: Any) -> dict[str, Any]:
    """Repair what the run is about; RetryLater while a vendor asks for patience."""
    return _Repair(run, RepairRun.of(run.actor.tenant_id).get(id=ids.decode("rpr", run.params["repairId"]))).carry()


class _Repair:
    def __init__(self, run: Any, repair: RepairRun):
        self.run, self.repair, self.rooms = run, repair, 0
        self.vendors = Vendors(repair.tenant_id, bool(repair.selection.get("again")))
        self.later: list[errors.VendorError] = []
        self.passed: set[int] = set()
        self.ended: list[RepairItem] = []  # no vendor is left for them
        self.denied: dict[str, errors.VendorError] = {}

    def carry(self) -> dict[str, Any]:
        if not self.repair.detected_at:
            self._detect()
        self._forget_lost()
        self._commit_landed()
        while not any(isinstance(each, errors.RateLimited) for each in self.later):
            self.run.check()
            asked = self._next()
            self._end()
            if not asked:
                break
            self._land(*asked)
            self._commit_landed()
        if self.later:
            pauses = [getattr(each, "retry_after_s", None) or 0.0 for each in self.later]
            raise RetryLater(f"{self.later[0].code}: {self.later[0].message}", max(pauses) or None)
        counted = settling.counts(self.repair)
        counted["left"] += self.repair.found.get("left", 0)
        with self.run.effect() as effect:
            effect.finish(counted)
            settling.close(self.run.actor, self.repair)
        zones.drop(self.repair.ref)
        return counted

    def _items(self, state: str) -> list[RepairItem]:
        rows = RepairItem.objects.filter(run=self.repair, state=state).order_by("number")
        return [item for item in rows if item.id not in self.passed]

    def _room(self) -> Path:
        self.rooms += 1
        return Path(self.run.work_dir()) / f"room-{self.rooms}"

    def _detect(self) -> None:
        began = db.now()
        items, found = planning.plan(self.repair, self.vendors, self.run)
        with self.run.effect():
            items = holding.divide(self.run.actor, self.repair, items, began)
            RepairItem.objects.bulk_create(items, batch_size=200)
            found["held"] = sum(item.code == holding.UnderWay.code for item in items)
            self.repair.found, self.repair.detected_at = found, db.now()
            self.repair.save(update_fields=["found", "detected_at"])
            self.vendors.forget()
        failpoints.hit("repair.detected")

    # --- asking

    def _next(self) -> tuple[Listed, list[tuple[RepairItem, Range]]] | None:
        """Return whom to ask now, and for which ranges: the oldest item's vendor, for those that are its turn too.

        Items that no vendor is left for, or no budget, are ended on the way.
        """
        chosen: Listed | None = None
        batch: list[tuple[RepairItem, Range]] = []
        calls, rows = self._budget()
        for item in self._items(RepairState.PENDING):
            if len(batch) >= min(settings.NEXUS_INGEST_BATCH, max(1, calls)):
                break
            if not (turn := self._turn(item)):
                continue
            listed, asked = turn
            size = max(1, (asked[1] - asked[0]) // detecting.step_of(item.table)) if _counted(item) else 1
            if batch and (listed is not chosen or size > rows):
                break
            if calls <= 0 or rows <= 0 or (size > rows and self._spent("rows")):
                over = "calls" if calls <= 0 else "rows"
                self._conclude(item, f"the repair may not take so many more {over}; the next one goes on")
                continue
            chosen, rows = listed, rows - size
            batch.append((item, asked))
        return (chosen, batch) if chosen else None

    def _turn(self, item: RepairItem) -> tuple[Listed, Range] | None:
        """Return whom to ask for an item; one that was answered by all is ended, and who denies us is passed over."""
        while turn := self.vendors.next(item):
            if turn[0].name not in self.denied:
                return turn
            self._answered(item, turn[0].name, turn[1], self.denied[turn[0].name])
        self.ended.append(item)
        return None

    def _budget(self) -> tuple[int, int]:
        calls, rows = settings.NEXUS_REPAIR_CALLS, settings.NEXUS_REPAIR_ROWS
        return calls - self._spent("calls"), rows - self._spent("rows")

    def _spent(self, what: str) -> int:
        return int(self.repair.spent.get(what, 0))

    def _spend(self, calls: int, rows: int) -> None:
        """Write down what was spent; inside the effect."""
        spent = {"calls": self._spent("calls") + calls, "rows": self._spent("rows") + rows}
        RepairRun.of(self.repair.tenant_id).filter(id=self.repair.id).update(spent=spent)
        self.repair.spent = spent

    def _land(self, listed: Listed, batch: list[tuple[RepairItem, Range]]) -> None:
        requests = [Request(item.table, item.instrument, *self._around(item, listed, asked)) for item, asked in batch]
        answers = asking.ask(listed, requests, self._room(), self.run, max(1, self._budget()[1]))
        for (item, asked), request, answer in zip(batch, requests, answers, strict=False):
            said = (request.start_ns, request.end_ns)
            if isinstance(answer, asking.Landed):
                self._keep(item, listed.name, asked, answer, said)
            elif isinstance(answer, AGAIN):
                self._put_off(item, answer)
            else:
                if isinstance(answer, errors.AccessDenied):
                    self.denied[listed.name] = answer
                self._answered(item, listed.name, asked, answer, said)

    def _around(self, item: RepairItem, listed: Listed, asked: Range) -> Range:
        """Return the range to ask for; of another vendor than the entry's also what stands beside it, to compare."""
        entry = scan.entry_of(self.repair.tenant_id, item.table, item.instrument)
        beside = 0 if entry.vendor == listed.name else BESIDE * detecting.step_of(item.table)
        return asked[0] - beside, asked[1] + beside

    def _keep(self, item: RepairItem, vendor: str, asked: Range, answer: asking.Landed, said: Any) -> None:
        kept = zones.keep(answer.path, self.repair.ref, f"{item.number:06d}.parquet")
        item.landed = {
            "vendor": vendor,
            "asked": list(asked),
            "name": kept.name,
            "sha256": answer.sha256,
            "rows": answer.rows,
            "startNs": answer.start_ns,
            "endNs": answer.end_ns,
            "saidNs": list(said),
            "rowsNs": [answer.first_ns, answer.last_ns],
            "fetchedAt": answer.fetched_at.isoformat(),
        }
        with self.run.effect():
            open_ = RepairItem.objects.filter(id=item.id, state=RepairState.PENDING)
            open_.update(state=RepairState.LANDED, landed=item.landed, code="", reason="")
            self._spend(1, answer.rows)
        failpoints.hit("repair.landed")

    def _put_off(self, item: RepairItem, told: errors.VendorError) -> None:
        self.passed.add(item.id)
        self.later.append(told)
        with self.run.effect():
            RepairItem.objects.filter(id=item.id).update(code=told.code, reason=told.message[:2000])
            self._spend(1, 0)

    def _answered(self, item: RepairItem, vendor: str, asked: Range, told: ProblemError, said: Any = None) -> None:
        """Write down that a vendor gave nothing for an item; the next one is asked. `said`: what it was asked for."""
        benign = isinstance(told, errors.NoData) and told.benign
        self.run.log(f"{item}: {vendor}: {told.code}: {told.message}", "info" if benign else "warning")
        facts = {"code": told.code, "benign": benign, "reason": told.message[:500], "askedNs": list(said or asked)}
        item.asked = [*item.asked, answer_of(vendor, **facts)]
        with self.run.effect():
            RepairItem.objects.filter(id=item.id).update(asked=item.asked, code="", reason="")
            if benign:
                self.vendors.remember(item, vendor, asked, told.code)
            if said:
                self._spend(1, 0)

    def _conclude(self, item: RepairItem, over: str = "", doubt: str = "") -> None:
        with self.run.effect():
            settling.conclude(item, over, doubt)

    def _end(self) -> None:
        """Write to the ledger where nothing was traded, as vendors say, and end the items that none is left for."""
        ended, self.ended = self.ended, []
        doubts: dict[int, str] = {}
        waiting: list[tuple[RepairItem, Silence]] = []
        for item in ended:
            entry = scan.entry_of(self.repair.tenant_id, item.table, item.instrument)
            found, doubts[item.id] = witnesses.heard(item, entry, self.vendors)
            waiting += [(item, each) for each in found]
        while waiting:
            group: dict[str, tuple[RepairItem, Silence]] = {}
            for each in waiting:
                group.setdefault(str(each[0]), each)  # one offer an entry
            some = list(group.values())[: settings.NEXUS_INGEST_BATCH]
            waiting = [each for each in waiting if each not in some]
            doubts |= absent.write(self.run, self.repair, some, self._room())
        for item in ended:
            self._conclude(item, doubt=doubts[item.id])

    # --- committing

    def _forget_lost(self) -> None:
        """A staged file that is gone was removed by hand, or lies on another host: it is fetched again."""
        for item in self._items(RepairState.LANDED):
            if not zones.path(self.repair.ref, item.landed["name"]).is_file():
                with self.run.effect():
                    open_ = RepairItem.objects.filter(id=item.id, state=RepairState.LANDED)
                    open_.update(state=RepairState.PENDING, landed={})

    def _commit_landed(self) -> None:
        """Commit what has landed, one range an entry at a time."""
        while landed := self._items(RepairState.LANDED):
            group: dict[str, RepairItem] = {}
            for item in landed:
                group.setdefault(str(item), item)
            self._commit(list(group.values())[: settings.NEXUS_INGEST_BATCH])
            total = self.repair.items.count()
            self.run.progress("repair", total - self.repair.items.filter(settled_at=None).count(), total, "ranges")

    def _commit(self, group: list[RepairItem]) -> None:
        offers = [self._offer(item) for item in group]
        given = {"operation": "repair", "key": _key(self.repair, group), "source": self.repair.ref, "run": self.run}
        try:
            made = commit.commit(self.run.actor, offers, room=self._room(), **given)
        except (Cancelled, LeaseLost, ChildCancelled):
            raise
        except ProblemError as refused:
            self._not_taken(group, refused)
            return
        failpoints.hit("repair.committed")
        self._entered(group, made)

    def _not_taken(self, group: list[RepairItem], refused: ProblemError) -> None:
        """One of many is to blame: alone, each answers for itself."""
        damaged = isinstance(refused, scan.SegmentDamaged)
        if not damaged and (refused.status == Unavailable.status or isinstance(refused, commit.LakeBusy)):
            raise RetryLater(f"{refused.code}: {refused.message}") from refused
        if len(group) > 1:
            for item in group:
                self._commit([item])
            return
        (item,) = group
        facts = {"code": refused.code, "reason": refused.message[:500], "rows": item.landed["rows"]}
        told = answer_of(item.landed["vendor"], **facts, **_heard(item))
        self._settle(item, told, [list(gap) for gap in item.gaps])

    def _entered(self, group: list[RepairItem], made: LakeCommit) -> None:
        """See what is still missing, of each range, and go on with the next vendor or end it."""
        held = {each["entry"]: each["quarantined"] for each in made.summary["first"]}
        tenant = self.repair.tenant_id
        works = [(scan.entry_of(tenant, item.table, item.instrument), (item.start_ns, item.end_ns)) for item in group]
        looked = detecting.look(works, KINDS, self.run, again=self.vendors.again)
        for item, found in zip(group, looked, strict=True):
            if found.fault:
                raise RetryLater(f"{item} cannot be read: {found.fault}")
            left = [list(gap) for gap in found.gaps if _among(gap, item.gaps)]
            after = _size(left)
            told = answer_of(
                item.landed["vendor"],
                benign=not held.get(str(item)),
                reason="it has no more" if after else "",
                rows=item.landed["rows"],
                filled=_size(item.gaps) - after,
                held=held.get(str(item), 0),
                commitId=made.ref,
                **_heard(item),
            )
            self._settle(item, told, left)

    def _settle(self, item: RepairItem, told: dict[str, Any], left: list[Any]) -> None:
        staged = zones.path(self.repair.ref, item.landed["name"])
        asked = (item.landed["asked"][0], item.landed["asked"][1])
        if told["held"]:
            told["reason"] = f"{told['held']} session(s) of it are in quarantine"
        item.asked, item.gaps = [*item.asked, told], left
        item.filled = item.missing - _size(left)
        with self.run.effect():
            facts = {"asked": item.asked, "gaps": left, "filled": item.filled, "landed": {}}
            landed = RepairItem.objects.filter(id=item.id, state=RepairState.LANDED)
            landed.update(state=RepairState.PENDING, **facts)
            if not told["code"]:
                self.vendors.remember(item, told["vendor"], asked, "")
            if not left:
                settling.conclude(item)
        staged.unlink(missing_ok=True)

    def _offer(self, item: RepairItem) -> Offer:
        landed = item.landed
        return Offer(
            item.table,
            item.instrument,
            (zones.path(self.repair.ref, landed["name"]),),
            landed["startNs"],
            landed["endNs"],
            landed["vendor"],
            datetime.fromisoformat(landed["fetchedAt"]),
            policy=rules.FILL,
        )


def _heard(item: RepairItem) -> dict[str, Any]:
    """Return what a landed answer tells of where its rows are and are not."""
    landed = item.landed
    asked, rows = landed.get("saidNs") or landed["asked"], landed.get("rowsNs")
    return {"askedNs": asked, "rowsNs": rows, "answeredAt": landed["fetchedAt"]}


def _counted(item: RepairItem) -> bool:
    return detecting.step_of(item.table) > 1


def _size(gaps: list[Any]) -> int:
    return sum(int(gap[2]) for gap in gaps)


def _among(gap: Gap, known: Sequence[list[Any]]) -> bool:
    return any(gap.start_ns < each[1] and gap.end_ns > each[0] for each in known)


def _key(repair: RepairRun, group: Sequence[RepairItem]) -> str:
    content = sorted([item.id, item.landed["vendor"], item.landed["sha256"]] for item in group)
    return f"{repair.ref}:{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:40]}"
