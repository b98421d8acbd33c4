"""What a reviewer decides of refused rows: let a session enter after all, or dismiss it; always with a reason."""

from __future__ import annotations

from typing import Any

from datasets.lake import commit, rules, settling
from datasets.lake.offers import Offer
from datasets.lake.settling import REASON_LEAST, AlreadySettled
from datasets.market import dates, intervals
from datasets.models import LakeQuarantine
from datasets.storage import blobs
from tradenexus import ids
from tradenexus.actor import Actor
from tradenexus.errors import NotFound
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job

__all__ = ["JOB", "REASON_LEAST", "AlreadySettled", "dismiss", "release", "run_job"]

JOB = "lake.release"


def release(actor: Actor, held: LakeQuarantine, reason: str) -> Job:
    """Start letting refused rows into the lake; inside `db.atomic()`. They replace what stands under the same keys."""
    settling.check(held, reason)
    params = {"quarantineId": held.ref, "reason": reason.strip()}
    return queue.submit(actor, JOB, params, subject=held.ref, dedupe=held.ref)


def dismiss(actor: Actor, held: LakeQuarantine, reason: str) -> LakeQuarantine:
    """Settle that refused rows stay out; inside `db.atomic()`. The file is kept."""
    settling.check(held, reason)
    settling.settle(actor, held, "dismissed", reason.strip())
    return held


def run_job(run: Any) -> dict[str, Any]:
    """Commit the held rows of one session with the reviewer's word."""
    wanted = ids.decode(LakeQuarantine.prefix, run.params["quarantineId"])
    held = LakeQuarantine.of(run.actor.tenant_id).select_related("entry").filter(id=wanted).first()
    if held is None:
        raise NotFound("the rows are not in quarantine any more")
    done = _commit(run, held)
    with run.effect() as effect:
        if held.state != "released":
            effect.finish({"commitId": done.ref})
            settling.settle(run.actor, held, "released", run.params["reason"])
    return {"commitId": done.ref}


def _commit(run: Any, held: LakeQuarantine) -> Any:
    day = dates.to_day(held.session)
    with blobs.local(held.key) as path:
        offer = Offer(
            table=held.entry.table,
            instrument=held.entry.instrument,
            paths=(path,),
            # Around the session: rows of a venue's date may lie on two UTC days.
            start_ns=(day - 1) * intervals.DAY,
            end_ns=(day + 2) * intervals.DAY,
            vendor=held.vendor,
            fetched_at=held.fetched_at or held.created_at,
            policy=rules.NEWER,
            accepted=frozenset({day}),
            claims=False,
        )
        return commit.commit(
            run.actor,
            [offer],
            operation="release",
            key=f"release:{held.ref}",
            room=run.work_dir(),
            source=held.ref,
            run=run,
        )
