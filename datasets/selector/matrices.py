"""Returns matrices: asking for one, making it in a child, keeping it with its digest.

One row for each snapshot, list of candidates and rules: asking again joins it. The bytes are stored before the row says
so; they go when the snapshot expires.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.conf import settings

from datasets.engine import children, executor, handover
from datasets.lake import frozen, sound, suspects
from datasets.lake.frozen import Frozen
from datasets.market import tables
from datasets.models import LakeSegment, ReturnsMatrix, Snapshot, SnapshotState
from datasets.selector import candidates
from datasets.selector.rules import Rules
from datasets.storage import blobs, layout, manifests
from tradenexus import db, failpoints, ids
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest, Unprocessable
from tradenexus.events import outbox
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job
from tradenexus.rest.views import find

JOB = "returns.build"
ACTIONS = "corporate_actions"
ABSENT = "NOT_IN_SNAPSHOT"
BUILDING, READY, FAILED = "building", "ready", "failed"


class ReturnsEmpty(Unprocessable):
    """No candidate is left: `details.drops` says for each by which rule it went. Loosen the rules or add candidates."""

    code = "RETURNS_EMPTY"


def request(
    actor: Actor, snapshot: Snapshot, document: Any, table: str = "", rules: dict[str, Any] | None = None
) -> tuple[ReturnsMatrix, Job | None]:
    """Ask for a matrix, inside `db.atomic()` -> (matrix, its job; None when it is there already).

    The same candidates (in any order) under the same rules are the same matrix. CandidatesRefused, SnapshotExpired,
    VALIDATION_ERROR for rules out of bounds or a table that has no daily bars.
    """
    frozen.standing(snapshot)
    names, drops = candidates.read(document)
    found, limits = _daily(snapshot, table), _rules(rules or {})
    asked = {"candidates": sorted(names), "drops": drops, "table": found, "rules": limits.as_dict()}
    if suspected := suspects.unreviewed(snapshot.tenant_id, found, names):
        asked["suspected"] = suspected  # a reviewer's word makes it another matrix
    matrix = ReturnsMatrix(
        id=ids.uuid7(),
        tenant_id=snapshot.tenant_id,
        snapshot=snapshot,
        asked_digest=manifests.digest(asked),
        table=found,
        candidates=sorted(names),
        drops=drops,
        rules=limits.as_dict(),
        created_by_id=actor.user_id,
        created_at=db.now(),
    )
    ReturnsMatrix.everyone.bulk_create([matrix], ignore_conflicts=True)
    known = ReturnsMatrix.of(snapshot.tenant_id).get(snapshot=snapshot, asked_digest=matrix.asked_digest)
    if known.state == READY:
        return known, None
    job = queue.submit(actor, JOB, {"matrixId": known.ref}, subject=snapshot.ref, dedupe=known.ref)
    known.state, known.job_ref = BUILDING, job.ref
    known.save(update_fields=["state", "job_ref"])
    told = {"matrix": known.ref, "job": job.ref, "candidates": len(names)}
    outbox.record(actor, "returns.asked", snapshot.ref, new=BUILDING, details=told, data=told)
    return known, job


def run_job(run: Any) -> dict[str, Any]:
    """Make one matrix; ReturnsEmpty when no candidate is left, after the drops were written down."""
    matrix = find(run.actor, ReturnsMatrix, run.params["matrixId"])
    snapshot = matrix.snapshot
    wanted = set(matrix.candidates)
    held = {each.entry.instrument: each for each in frozen.entries_of(snapshot, matrix.table, wanted)}
    actions = {each.entry.instrument: each for each in frozen.entries_of(snapshot, ACTIONS, wanted)}
    absent = [
        {"candidate": name, "reason": ABSENT, "words": f"the snapshot has no {matrix.table} of it"}
        for name in matrix.candidates
        if name not in held
    ]
    # What the list itself dropped stays in front; an attempt before this one may have written the rest.
    own = [each for each in matrix.drops if each["reason"] in (candidates.UNREADABLE, candidates.TWICE)]
    built = _build(run, matrix, snapshot, held, actions)
    drops = [*own, *absent, *built["drops"]]
    if built["path"] is None:
        with run.effect():
            ReturnsMatrix.of(matrix.tenant_id).filter(id=matrix.id).update(drops=drops)
        raise ReturnsEmpty(f"none of {len(wanted)} candidates is left", {"drops": drops})
    return _keep(run, matrix, snapshot, built, drops)


def on_failure(run_or_job: Any, actor: Actor, error: Any, outcome: str) -> None:
    """Let the matrix leave its running state with the job."""
    _move(run_or_job, actor, BUILDING, FAILED)


def on_retry(job: Job, actor: Actor) -> None:
    """Take the matrix back to building with its job."""
    _move(job, actor, FAILED, BUILDING)


def _move(run_or_job: Any, actor: Actor, old: str, new: str) -> None:
    matrix_id = ids.decode(ReturnsMatrix.prefix, run_or_job.params["matrixId"])
    ReturnsMatrix.of(actor.tenant_id).filter(id=matrix_id, state=old).update(state=new)


def _build(
    run: Any, matrix: ReturnsMatrix, snapshot: Snapshot, held: dict[str, Frozen], actions: dict[str, Frozen]
) -> dict[str, Any]:
    suspected = suspects.unreviewed(snapshot.tenant_id, matrix.table, held)
    with ExitStack() as stack:

        def local(segments: list[LakeSegment]) -> list[handover.Input]:
            return [handover.reads(stack.enter_context(sound.local(one))) for one in segments]

        works = [
            {
                "instrument": name,
                "calendar": each.entry.calendar,
                "inputs": local(each.segments),
                "actions": local(actions[name].segments) if name in actions else [],
                "suspects": suspected.get(name, []),
            }
            for name, each in sorted(held.items())
        ]
        params = {
            "works": works,
            "table": matrix.table,
            "startNs": snapshot.start_ns,
            "endNs": snapshot.end_ns,
            "rules": matrix.rules,
            "told": {"snapshot": snapshot.digest, "table": matrix.table, "rules": matrix.rules},
            "out_dir": handover.writes(run.work_dir()),
        }
        (built,) = executor.run(
            settings.NEXUS_COMPUTE,
            "datasets.selector.returns:build",
            [params],
            limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES),
            on_message=lambda _, said: run.progress(said["phase"], said["done"], len(works), "candidates"),
            cancelled=run.cancelled,
        )
    return dict(built)


def _keep(
    run: Any, matrix: ReturnsMatrix, snapshot: Snapshot, built: dict[str, Any], drops: list[dict[str, Any]]
) -> dict[str, Any]:
    path = Path(built["path"])
    sha256 = blobs.digest_of(path)
    blob = blobs.put_file(layout.returns_matrix(matrix.tenant_id, snapshot.id, matrix.id, sha256), path, sha256)
    failpoints.hit("snapshots.matrix_stored")
    result = {"matrixId": matrix.ref, "sha256": sha256, "bytes": blob.size_bytes, "days": built["days"]}
    result |= {"kept": len(built["kept"]), "dropped": len(drops), "splits": built["splits"]}
    with run.effect() as effect:
        if Snapshot.of(matrix.tenant_id).filter(id=snapshot.id, state=SnapshotState.FROZEN).exists():
            ReturnsMatrix.of(matrix.tenant_id).filter(id=matrix.id).update(
                state=READY,
                key=blob.key,
                sha256=sha256,
                size_bytes=blob.size_bytes,
                days=built["days"],
                kept=len(built["kept"]),
                drops=drops,
            )
            effect.finish(result)
            outbox.record(run.actor, "returns.built", snapshot.ref, new=READY, details=result)
    if not effect.finished:
        blobs.delete(blob.key)
        snapshot.refresh_from_db()
        frozen.standing(snapshot)
    return result


def _daily(snapshot: Snapshot, table: str) -> str:
    fit = [
        name
        for name in snapshot.tables
        if (known := tables.TABLES.get(name)) and known.family == tables.BARS and known.interval == "1d"
    ]
    if table in fit:
        return table
    if table or len(fit) != 1:
        words = f"name a table of daily bars that the snapshot has: {', '.join(fit) or 'it has none'}"
        raise BadRequest(words, {"fields": {"table": [words]}, "tables": fit})
    return fit[0]


def _rules(given: dict[str, Any]) -> Rules:
    rules = Rules(**given)
    if faults := rules.faults():
        raise BadRequest("a rule is out of its bounds", {"fields": faults})
    return rules
