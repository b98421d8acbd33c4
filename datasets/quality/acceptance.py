"""Accepting a finding: somebody says why it is no fault. It is audited and shown beside the finding; verdict and state
stay as they are.
"""

from __future__ import annotations

from typing import Any

from datasets.models import DatasetVersion, QualityReport
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.audit.models import Entry
from tradenexus.errors import NotFound
from tradenexus.events import outbox
from tradenexus.tenancy.models import User

ACCEPTED = "quality.accepted"
REASON_LEAST, REASON_MOST = 5, 1000


def accept(actor: Actor, version: DatasetVersion, check_id: str, reason: str) -> dict[str, Any]:
    """Note who accepted which finding, and why; returns what the audit holds.

    NotFound when the version's report has no such finding, or it passed.
    """
    report = QualityReport.of(actor.tenant_id).filter(version=version).first()
    check = next((one for one in (report.body["checks"] if report else []) if one["id"] == check_id), None)
    if check is None or check["grade"] == "GREEN":
        raise NotFound("there is no such finding in this report")
    told = {"check": check_id, "grade": check["grade"], "count": check["count"]}
    told |= {"dataset": version.dataset.ref, "version": version.number}
    with db.atomic():
        outbox.record(actor, ACCEPTED, version.ref, reason=reason, details=told, data=told)
    return told | {"reason": reason}


def of_version(version: DatasetVersion) -> dict[str, dict[str, Any]]:
    """Return {check id: {who, at, reason}} of the newest acceptance of each finding of a version, from the audit."""
    entries = Entry.of(version.tenant_id).filter(subject=version.ref, action=ACCEPTED).order_by("seq")
    people = User.objects.in_bulk({entry.user_id for entry in entries if entry.user_id})
    return {
        entry.details.get("check", ""): {
            "who": people[entry.user_id].email if entry.user_id in people else entry.via,
            "at": entry.at,
            "reason": entry.reason,
        }
        for entry in entries
    }
