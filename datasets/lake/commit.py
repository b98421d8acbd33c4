"""The one door into the golden copy: gate first, segments second, catalog swap last.

A child judges and joins; the segments it wrote are made durable; one transaction swaps members, ledger and entry by
compare-and-swap on each entry's revision. Who loses the race reads again and tries anew. A key makes a commit happen
once; a reader sees an entry before or after it, over all entries of the commit at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from datasets.engine import children, executor, handover
from datasets.lake import rules, state, swap, twins
from datasets.lake.offers import Offer, SegmentDamaged
from datasets.market import dates, tables
from datasets.models import LakeCommit, LakeMember, LakeSegment
from datasets.storage import blobs, layout
from tradenexus import failpoints, ids
from tradenexus.actor import Actor
from tradenexus.errors import Conflict

TRIES = 5


class LakeBusy(Conflict):
    """Other commits changed the same entries each time this one was about to. Nothing was written; try again."""

    code = "LAKE_BUSY"


def commit(
    actor: Actor,
    offers: Sequence[Offer],
    *,
    operation: str,
    key: str,
    room: Path,
    source: str = "",
    basis: Any = None,
    run: Any = None,
) -> LakeCommit:
    """Take what the offers hold into the lake, all of it or nothing -> the commit, the earlier one for a key known.

    Sessions that are RED stay out, in quarantine; the others enter. At most one offer an entry. `room` is a scratch
    folder. `basis` ({name: JSON}) is kept in the commit's summary, and audited. With a `run` every effect is fenced by
    its lease. InstrumentUnknown, RowsRefused, RowsDiffer, LakeBusy, and what a child or the storage may raise; nothing
    is changed then.
    """
    for attempt in range(TRIES):
        known = LakeCommit.of(actor.tenant_id).filter(key=key).first()
        if known is not None:
            return known
        made = LakeCommit(id=ids.uuid7(), tenant_id=actor.tenant_id, key=key, operation=operation, source=source)
        made.created_by_id, made.summary = actor.user_id, dict(basis or {})
        made.job_ref = run.job.ref if run else ""
        bases = state.gather(actor.tenant_id, offers)
        watch = twins.watch(actor.tenant_id)
        found = _judged(offers, bases, watch, _folder(room, attempt), run)
        _store(actor.tenant_id, made.id, found)
        failpoints.hit("lake.stored")
        try:
            return swap.into_catalog(actor, made, offers, bases, found, watch, run)
        except swap.Moved:
            continue
    names = [f"{offer.table}/{offer.instrument}" for offer in offers[:20]]
    raise LakeBusy("other commits kept changing these entries", {"entries": names})


def current_rules() -> rules.Rules:
    """Return the limits that the settings give."""
    return rules.Rules(**settings.NEXUS_LAKE_RULES)


def _folder(room: Path, attempt: int) -> Path:
    folder = room / f"commit-{attempt}"
    folder.mkdir(parents=True)
    return folder


def _judged(
    offers: Sequence[Offer], bases: list[state.Base], watch: twins.Watch, folder: Path, run: Any
) -> list[dict[str, Any]]:
    """Build; where other instruments of the lake have the same marks, build again and compare with their rows."""
    found = _build(offers, bases, {}, folder, run)
    pairs = twins.find(watch.tenant_id, bases, found)
    if not pairs:
        return found
    watch.compared = pairs
    return _build(offers, bases, pairs, _folder(folder, 1), run)


def _build(
    offers: Sequence[Offer], bases: list[state.Base], pairs: twins.Found, folder: Path, run: Any
) -> list[dict[str, Any]]:
    with ExitStack() as stack:
        works = [_work(offer, base, stack) for offer, base in zip(offers, bases, strict=True)]
        for number, told in twins.given(pairs, stack).items():
            works[number]["twins"] = told
        (built,) = executor.run(
            settings.NEXUS_COMPUTE,
            "datasets.lake.building:build",
            [{"works": works, "rules": current_rules().as_dict(), "out_dir": handover.writes(folder)}],
            limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES),
            on_message=lambda number, said: _tell(run, said),
            cancelled=run.cancelled if run else lambda: False,
        )
    works = list(built["works"])
    twins.take(works, built["marks"]["path"])
    return works


def _tell(run: Any, said: dict[str, Any]) -> None:
    if run:
        run.progress(said["phase"], said.get("done"), said.get("total"), said.get("unit", "rows"))


def _work(offer: Offer, base: state.Base, stack: ExitStack) -> dict[str, Any]:
    def local(segment: LakeSegment) -> handover.Input:
        if segment.damaged_at:
            words = (
                f"a segment of {segment.table}/{segment.instrument} is damaged; offer all of its range, or restore it"
            )
            details = {"segment": segment.ref, "startNs": segment.t0_ns, "endNs": segment.t1_ns + 1}
            raise SegmentDamaged(words, details)
        return handover.reads(stack.enter_context(blobs.local(segment.key)))

    told = [each for each in offer.benign if each.day not in base.doubts.held]
    return {
        "table": offer.table,
        "instrument": offer.instrument,
        "calendar": base.instrument.calendar,
        "signed": base.signed,
        "vendor": offer.vendor,
        "policy": offer.policy,
        "cut": offer.cut,
        "claims": offer.claims,
        "ranks": offer.ranks,
        "vendors": base.vendors,
        "owner": base.entry.vendor,
        "startNs": offer.start_ns,
        "endNs": offer.end_ns,
        "benign": {str(each.day): each.words for each in told},
        "contradicted": {str(day): words for day, words in base.doubts.contradicted.items()},
        "settled": sorted(base.benign),
        "accepted": sorted(offer.accepted | base.accepted),
        "offered": [handover.reads(path) for path in offer.paths],
        "beside": [handover.reads(path) for path in offer.beside],
        "actions": [local(segment) for segment in (base.actions if offer.paths else ())],
        "lastNs": base.entry.last_ns,
        "members": [
            {"path": local(each.segment), "spanStartNs": each.span_start_ns, "sha256": each.segment.sha256}
            for each in _needed(offer, base.members)
        ],
    }


def _needed(offer: Offer, members: list[LakeMember]) -> list[LakeMember]:
    """Leave out damaged segments that are not needed: those the offer covers, and the one before what it touches."""
    if not offer.paths:
        return []  # it is about the ledger alone
    if offer.policy == rules.FILL:
        return members  # what stands is kept, so it must be readable
    first = dates.span_start_of(tables.find(offer.table).span, offer.start_ns)
    return [
        each
        for each in members
        if not each.segment.damaged_at
        or not (each.span_start_ns < first or (offer.start_ns <= each.t0_ns and each.t1_ns < offer.end_ns))
    ]


def _store(tenant_id: UUID, commit_id: UUID, found: list[dict[str, Any]]) -> None:
    """Make segments and refused rows durable before any row names them; those that are there already are not sent."""
    made = [segment for work in found for segment in work["segments"]]
    known = swap.standing(tenant_id, {segment["sha256"] for segment in made})
    for segment in made:
        standing = known.get(segment["sha256"])
        segment["key"] = standing.key if standing else layout.segment(tenant_id, segment["sha256"], commit_id)
        if standing and standing.damaged_at:
            blobs.delete(standing.key)  # the right bytes come again, and may take their place
        if standing is None or standing.damaged_at:
            blobs.put_file(segment["key"], segment["path"], segment["sha256"])
            failpoints.hit("lake.segment_put")
    for work in found:
        for held in work["quarantine"]:
            held["key"] = layout.held(tenant_id, commit_id, held["sha256"])
            blobs.put_file(held["key"], held["path"], held["sha256"])
