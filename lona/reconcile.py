"""Our record against the provider's, both ways. `compare` only looks; `mend` changes our side, and the other if asked.

ok: both agree. missing: we say published, the provider has no such symbol. drift: it has one of another name or range.
orphan: it has a symbol of ours that no publication refers to. unknown: an answer was lost; it is looked for again.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from lona import errors, resolve, symbols
from lona.adapter import names
from lona.adapter.digest import NS
from lona.client import Client
from lona.models import LIVE, Publication, PublicationState
from lona.publish import requests, status
from tradenexus import actor as actors
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import Conflict
from tradenexus.events import outbox
from tradenexus.jobs import queue
from tradenexus.jobs.models import LIVE as LIVE_JOBS
from tradenexus.jobs.models import Job

KIND = "lona.reconcile"
KEPT = (PublicationState.PUBLISHED, PublicationState.UNKNOWN)


@dataclass(slots=True)
class Finding:
    """One row of the comparison; `publication` or `symbol` may be absent, never both."""

    state: str
    reason: str
    action: str
    publication: Publication | None = None
    symbol: dict[str, Any] | None = None


def compare(actor: Actor, client: Client) -> list[Finding]:
    """List every mapping of the tenant with what is wrong with it; reads the provider's whole list."""
    there = {str(row["id"]): row for row in client.symbols() if _ours(row, actor)}
    rows = Publication.of(actor.tenant_id).filter(state__in=KEPT).select_related("version__dataset", "job")
    found = [_judge(row, there) for row in rows.order_by("created_at", "id")]
    return found + _orphans(actor, there)


def _orphans(actor: Actor, there: dict[str, dict[str, Any]]) -> list[Finding]:
    """List symbols of ours that nothing refers to; one that a living publication may just have sent is none."""
    rows = Publication.of(actor.tenant_id)
    on_the_way = set(rows.filter(state__in=LIVE).values_list("symbol_name", flat=True))
    published = dict(rows.filter(state=PublicationState.PUBLISHED).values_list("lona_symbol_id", "symbol_name"))
    found = []
    for key, symbol in sorted(there.items()):
        if key in published or symbol.get("name") in on_the_way:
            continue
        double = symbol.get("name") in published.values()
        reason = "a second copy of a published slice" if double else "no publication refers to it"
        found.append(Finding("orphan", reason, "none", symbol=symbol))
    return found


def _ours(row: dict[str, Any], actor: Actor) -> bool:
    return names.mark_of(str(row.get("name", ""))) == names.tenant_mark(actor.tenant_id)


def _judge(row: Publication, there: dict[str, dict[str, Any]]) -> Finding:
    if row.state == PublicationState.UNKNOWN:
        at = next((one for one in there.values() if one.get("name") == row.symbol_name), None)
        reason = "its answer was lost, and the symbol is there" if at else "its answer was lost"
        return Finding("unknown", reason, "look again", row, at)
    at = there.get(row.lona_symbol_id)
    if at is None:
        return Finding("missing", "the provider has no such symbol", "retire", row)
    drift = _drift(row, at)
    return Finding("drift", drift, "retire", row, at) if drift else Finding("ok", "", "none", row, at)


def _drift(row: Publication, symbol: dict[str, Any]) -> str:
    if symbol.get("name") != row.symbol_name:
        return "its name differs"
    extent = symbols.data_range(symbol)
    if extent is None:
        return "the provider has no data for it"
    step = names.FREQUENCIES[row.frequency] * NS
    last = row.last_ns or 0
    if extent[0] != row.first_ns or extent[1] not in (last, last + step):
        return f"its range there is {resolve.instant(extent[0])} to {resolve.instant(extent[1])}"
    return ""


def request(actor: Actor, row: Publication, reason: str) -> Job:
    """Start the reconciliation of one publication, inside `db.atomic()`; one that runs already is joined.

    Conflict for one that is neither published nor unknown: the provider is not expected to have it.
    """
    if row.state not in KEPT:
        raise Conflict(f"the publication is {row.state}: there is nothing to compare", {"allowed": list(KEPT)})
    job = queue.submit(actor, KIND, {"publicationId": row.ref}, subject=row.ref, dedupe=row.ref)
    told = {"job": job.ref}
    outbox.record(actor, "publication.reconcile", row.ref, new="asked", reason=reason, details=told, data=told)
    return job


def look_at(client: Client, row: Publication) -> Finding:
    """Compare one publication with its symbol at the provider."""
    if row.state == PublicationState.UNKNOWN:
        found = client.symbols_named(row.symbol_name)
    else:
        found = []
        with contextlib.suppress(errors.LonaNotFound):
            found = [client.symbol(row.lona_symbol_id)]
    return _judge(row, {str(symbol.get("id")): symbol for symbol in found})


def mend(actor: Actor, client: Client, findings: list[Finding], delete_orphans: bool = False) -> None:
    """Carry out what the findings say: retire what is missing or drifted, look for unknown ones, note the rest as ok.

    Orphans are deleted at the provider only when asked; a symbol that is gone already is no error.
    """
    now = db.now()
    for finding in findings:
        if finding.publication is not None:
            with db.atomic():
                _mend(actor, finding, finding.publication, now)
        elif delete_orphans and finding.symbol is not None:
            with contextlib.suppress(errors.LonaNotFound):
                client.delete_symbol(str(finding.symbol["id"]))
            finding.action = "deleted"


def _mend(actor: Actor, finding: Finding, row: Publication, now: Any) -> None:
    if finding.state == "unknown":
        _look_again(actor, row)
        return
    values: dict[str, Any] = {"mapping": finding.state, "reconciled_at": now}
    if finding.state != "ok":
        values["state"] = PublicationState.RETIRED
    if not Publication.everyone.filter(id=row.id, state=PublicationState.PUBLISHED).update(**values):
        return
    row.refresh_from_db()
    if finding.state != "ok":
        status.lock(row.version)
        status.announce(row, actor, PublicationState.PUBLISHED, finding.reason, mapping=finding.state)
        status.settle(row.version, actor, reason=finding.reason)


def take_up_lost(request_id: str) -> int:
    """Give each `unknown` publication without a living job a new one, in every tenant; return how many."""
    rows = Publication.everyone.filter(state=PublicationState.UNKNOWN).exclude(job__state__in=LIVE_JOBS)
    found = list(rows.select_related("version", "job").order_by("created_at")[:200])
    for row in found:
        with db.atomic():
            _look_again(actors.system(row.tenant_id, request_id), row)
    return len(found)


def _look_again(actor: Actor, row: Publication) -> None:
    if row.job is not None and row.job.state in tuple(LIVE_JOBS):
        return
    job = queue.submit(actor, requests.KIND, {"publicationIds": [row.ref]}, subject=row.version.ref)
    Publication.everyone.filter(id=row.id).update(job=job)
