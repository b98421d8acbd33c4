"""Refused rows are settled once, with a reason: released, dismissed or fixed. The rows themselves are never altered."""

from __future__ import annotations

from typing import Any

from datasets.models import LakeCommit, LakeQuarantine
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest, Conflict
from tradenexus.events import outbox

REASON_LEAST = 10


class AlreadySettled(Conflict):
    """The rows are not held any more: released, dismissed or fixed, or newer rows entered. `details` says which."""

    code = "QUARANTINE_SETTLED"


def check(held: LakeQuarantine, reason: str) -> None:
    """Refuse a reason that says too little, and rows that are not held any more."""
    if len(reason.strip()) < REASON_LEAST:
        words = f"say why, in at least {REASON_LEAST} characters"
        raise BadRequest(words, {"fields": {"reason": [words]}})
    if held.state != "held":
        raise AlreadySettled(f"the rows of {held.session} are {held.state}", {"state": held.state})


def settle(actor: Actor, held: LakeQuarantine, state: str, reason: str, fixed_in: LakeCommit | None = None) -> None:
    """Write what was decided of refused rows, audited; inside `db.atomic()`, last."""
    old = held.state
    LakeQuarantine.of(actor.tenant_id).filter(id=held.id).update(
        state=state, settled_reason=reason, settled_by=actor.user_id, settled_at=db.now(), fixed_in=fixed_in
    )
    held.state, held.settled_reason, held.fixed_in = state, reason, fixed_in
    details: dict[str, Any] = {"entry": str(held.entry), "session": str(held.session)}
    details |= {"code": held.code, "rows": held.rows}
    if fixed_in:
        details |= {"commitId": fixed_in.ref, "versionId": fixed_in.source}
    outbox.record(actor, "lake.quarantine", held.ref, old=old, new=state, reason=reason, details=details)
