"""Recording a suspected split: a corroborated one, or one on a person's word, becomes a row of corporate_actions.

Nothing is written by itself: a person asks, a job looks again and commits through the lake's own door. The commit keeps
what it was based on (who said which ratio, of which rows with which digests), the row names it in `witnesses`, and both
stay when the evidence is gone.
"""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from datasets.lake import commit, rules, settling, state, suspects
from datasets.lake.offers import Offer
from datasets.lake.suspects import Suspect
from datasets.market import dates, tables
from datasets.models import LakeCommit, LakeEntry
from tradenexus import db, ids
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest, Conflict, NotFound
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job

JOB, OPERATION = "lake.split", "split"
REASON_LEAST = settling.REASON_LEAST
CORROBORATED, PERSON = "corroborated", "reviewer"  # on whose word one is recorded
_SAME = 1e-9


class SplitContradicted(Conflict):
    """Another vendor's series, or a split on record, says otherwise than the suspected split. Nothing was written. Look
    at `details.evidence`; to record a split all the same, give its `ratio` and a `reason`."""

    code = "SPLIT_CONTRADICTED"


class SplitUncorroborated(Conflict):
    """No independent series of the instrument names a split here. Nothing was written. Bring another vendor's prices
    in, or give the split's `ratio` and a `reason`."""

    code = "SPLIT_UNCORROBORATED"


class SplitSettled(Conflict):
    """It is settled already what the session was, or somebody else's record of it is under way. `details` says which;
    an override can be taken back."""

    code = "SPLIT_SETTLED"


class SplitEvidenceChanged(Conflict):
    """The evidence, or our own rows, are not those that were looked at. Nothing was written. Look again, and decide."""

    code = "SPLIT_EVIDENCE_CHANGED"


def request(actor: Actor, entry: LakeEntry, session: date, asked: dict[str, Any]) -> tuple[Suspect, Job | None]:
    """Start recording a suspected split; inside `db.atomic()`. The job is None when just this one is on record.

    asked: ratio (new shares for one old; default: the one that all independent series name) with reason, and evidence
    (the digest of what was looked at). NotFound, VALIDATION_ERROR, SplitContradicted, SplitUncorroborated,
    SplitSettled, SplitEvidenceChanged.
    """
    one = suspects.find(entry, session)
    ratio, reason = asked.get("ratio"), (asked.get("reason") or "").strip()
    if ratio is not None:
        _check_ratio(one, ratio)
    if one.state == suspects.RECORDED and (ratio is None or _same(ratio, one.action)):
        return one, None
    _refuse_settled(one)
    if asked.get("evidence") and asked["evidence"] != one.digest:
        raise SplitEvidenceChanged(f"what is known of {session} has changed", {"evidence": one.digest})
    decision = _decide(one, ratio, reason)
    params = {"entryId": entry.ref, "session": f"{session}", "ratio": one.ratio if ratio is None else ratio}
    params |= {"decision": decision, "reason": reason, "evidence": one.digest}
    job = queue.submit(actor, JOB, params, subject=entry.ref, dedupe=f"{entry.ref}:{session}")
    if job.params != params:
        raise SplitSettled(f"a record of {session} is under way", {"jobId": job.ref, "ratio": job.params["ratio"]})
    return one, job


def _check_ratio(one: Suspect, ratio: float) -> None:
    words = ""
    if not (math.isfinite(ratio) and ratio > 0):
        words = "new shares for one old: a number above zero"
    elif not rules.is_split(one.step, ratio):
        words = f"{ratio:g} new shares for one old do not explain an open at {one.step:.4g} of the close before"
    if words:
        raise BadRequest(words, {"fields": {"ratio": [words]}})


def _refuse_settled(one: Suspect) -> None:
    if one.settled:
        said = "; ".join(each["words"] for each in one.witnesses)
        details = {"state": one.state, "ratio": one.action, "witnesses": one.witnesses}
        raise SplitSettled(f"{one.session} is settled: {said}", details)


def _decide(one: Suspect, ratio: float | None, reason: str) -> str:
    """Return on whose word it is recorded; refused where that is nobody's."""
    if one.state == suspects.CORROBORATED and (ratio is None or _same(ratio, one.ratio)):
        return CORROBORATED
    if ratio is None:
        against = [each.as_dict() for each in one.evidence]
        details = {"state": one.state, "action": one.action, "evidence": against}
        if one.state == suspects.CONTRADICTED:
            said = [f"{each.vendor}: {each.words}" for each in one.evidence if each.says == "contradicts"]
            said += [] if one.action is None else [f"{one.action:g} new shares for one old are on record"]
            said = said or ["the series that name a split name different ones"]
            raise SplitContradicted(f"{one.session}: {'; '.join(said)}", details)
        raise SplitUncorroborated(f"no independent series names a split on {one.session}", details)
    if len(reason) < REASON_LEAST:
        words = f"say why, in at least {REASON_LEAST} characters"
        raise BadRequest(words, {"fields": {"reason": [words]}})
    return PERSON


def _same(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and math.isclose(one, other, rel_tol=_SAME)


# --- the job


def run_job(run: Any) -> dict[str, Any]:
    """Commit the split, unless an earlier attempt did -> {commitId, table, instrument, session, ratio}."""
    entry = _entry(run.actor.tenant_id, run.params["entryId"])
    key = f"split:{run.job.ref}"
    done = LakeCommit.of(entry.tenant_id).filter(key=key).first() or _commit(run, entry, key)
    told = {"commitId": done.ref, "table": state.ACTIONS, "instrument": entry.instrument}
    told |= {name: run.params[name] for name in ("session", "ratio", "decision")}
    with run.effect() as effect:
        effect.finish(told)
    return told


def _entry(tenant_id: UUID, ref: str) -> LakeEntry:
    found = LakeEntry.of(tenant_id).filter(id=ids.decode(LakeEntry.prefix, ref)).first()
    if found is None:
        raise NotFound("the entry is not there any more")
    return found


def _commit(run: Any, entry: LakeEntry, key: str) -> LakeCommit:
    session, ratio = date.fromisoformat(run.params["session"]), float(run.params["ratio"])
    one = suspects.find(entry, session)
    _refuse_settled(one)
    if one.digest != run.params["evidence"]:
        raise SplitEvidenceChanged(f"what is known of {session} changed after it was asked", {"evidence": one.digest})
    agreed = run.params["decision"] == CORROBORATED
    fetched = [each.fetched_at for each in one.agreeing if each.fetched_at]
    day = dates.to_day(session)
    offer = Offer(
        table=state.ACTIONS,
        instrument=entry.instrument,
        paths=(_written(run, one, day, ratio),),
        start_ns=day * dates.DAY,
        end_ns=(day + 1) * dates.DAY,
        vendor=one.agreeing[0].vendor if agreed else PERSON,
        fetched_at=min(fetched) if agreed and fetched else db.now(),
        policy=rules.REFUSE if one.action is None else rules.NEWER,
        claims=False,
    )
    source = one.agreeing[0].source if agreed else entry.ref
    basis = {"split": _basis(run, entry, one)}
    room = run.work_dir()
    return commit.commit(
        run.actor, [offer], operation=OPERATION, key=key, room=room, source=source, basis=basis, run=run
    )


def _basis(run: Any, entry: LakeEntry, one: Suspect) -> dict[str, Any]:
    told = {name: run.params[name] for name in ("session", "ratio", "decision", "reason")}
    told |= {"entry": str(entry), "entryRevision": entry.revision, "step": one.step, "state": one.state}
    told |= {"replaces": one.action, "evidenceDigest": one.digest}
    return told | {"evidence": [each.as_dict() for each in one.evidence]}


def _written(run: Any, one: Suspect, day: int, ratio: float) -> Path:
    """Write the row of corporate_actions to a file that can be offered."""
    import pyarrow as pa
    from pyarrow import parquet

    from datasets.lake import segments

    stamp = pa.array([day * dates.DAY], pa.timestamp("ns", "UTC"))
    columns = {"ts_event": stamp, "action": ["split"], "value": [ratio], "witnesses": [_witnesses(run, one)]}
    path: Path = run.work_dir() / "split.parquet"
    parquet.write_table(segments.shaped(tables.find(state.ACTIONS), pa.table(columns)), path)
    return path


def _witnesses(run: Any, one: Suspect) -> str:
    """Return who says so, joined by |: vendors with the rows that say it, or the person with the reason."""
    if run.params["decision"] == CORROBORATED:
        said = [f"{each.vendor} {each.source} sha256:{each.digest}" for each in one.agreeing]
    else:
        who = ids.encode("usr", run.actor.user_id) if run.actor.user_id else PERSON
        said = [f"{who} {run.params['reason'][:200]}"]
    return "|".join(each.replace("|", "/") for each in said)


# --- what was recorded


def records(entry: LakeEntry) -> dict[date, LakeCommit]:
    """Return the newest commit that recorded a split of an entry's instrument, by session."""
    rows = LakeCommit.of(entry.tenant_id).filter(operation=OPERATION, revisions__entry__instrument=entry.instrument)
    found: dict[date, LakeCommit] = {}
    for row in rows.select_related("created_by").order_by("created_at", "id"):
        found[date.fromisoformat(row.summary["split"]["session"])] = row
    return found


def recorded(done: LakeCommit, one: Suspect) -> dict[str, Any]:
    """Return what a commit recorded and on what: {commitId, ratio, decision, reason, inForce, evidence, ...}.

    Each piece of evidence `stands` while the same series says the same of the same rows; what is gone is named still.
    """
    told = dict(done.summary["split"])
    now = {(each["source"], each["says"], _rows(each)) for each in (e.as_dict() for e in one.evidence)}
    kept = [{**each, "stands": (each["source"], each["says"], _rows(each)) in now} for each in told["evidence"]]
    who = ids.encode("usr", done.created_by_id) if done.created_by_id else None
    told |= {"commitId": done.ref, "jobId": done.job_ref or None, "createdBy": who, "createdAt": done.created_at}
    return told | {"inForce": _same(one.action, told["ratio"]), "evidence": kept}


def _rows(told: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((row["session"], row["digest"]) for row in told["rows"])
