"""One action on many datasets: those chosen, or all that match the filters of the list.

A job acts on each dataset by the verb that acts on one, in a transaction of its own, with its own audit entry; a
refusal is written down with its reason and hides no other. A job that is run again goes on with what is pending. The
version acted on is the one the list shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.db.models import Count, QuerySet

from datasets import lifecycle, validation, versions
from datasets.models import BulkAction, BulkItem, Dataset, DatasetVersion, ItemState, Status
from tradenexus import db, ids
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest, Conflict, NotFound, ProblemError, Unprocessable
from tradenexus.events import outbox
from tradenexus.jobs import queue
from tradenexus.rest.auth import ScopeMissing

JOB = "dataset.bulk"
MOST_NAMED = 1_000
BATCH = 100

Verb = Callable[[Actor, Dataset, DatasetVersion], str]  # does it inside db.atomic(); returns the job it started or ""


class NothingToDo(Unprocessable):
    """No dataset was chosen, or none matches the filters. Nothing was done; choose some, or widen the filters."""

    code = "BULK_NOTHING_MATCHES"


class SelectionChanged(Conflict):
    """More or fewer datasets match the filters than were confirmed. Nothing was done; look again and confirm anew."""

    code = "BULK_SELECTION_CHANGED"


@dataclass(frozen=True, slots=True)
class Act:
    """An action: who may do it, in which states of a version it can be done, and what follows, in words."""

    name: str
    label: str
    past: str
    scope: str
    states: frozenset[str]
    follows: str
    verb: Verb


@dataclass(frozen=True, slots=True)
class Plan:
    """What an action would meet: how many datasets, and how many of each state, with whether it can be done there."""

    total: int
    states: list[tuple[str, int, bool]]

    @property
    def possible(self) -> int:
        """How many are in a state that allows it."""
        return sum(count for _, count, allowed in self.states if allowed)


_ACTS: dict[str, Act] = {}


def act(name: str, label: str, past: str, *, scope: str, states: Iterable[str], follows: str) -> Callable[[Verb], Verb]:
    """Register a verb as an action on many; apps above register theirs in `<app>/finders.py`."""

    def register(verb: Verb) -> Verb:
        _ACTS[name] = Act(name, label, past, scope, frozenset(states), follows, verb)
        return verb

    return register


def acts() -> list[Act]:
    """Return all actions, in the order of the list's buttons."""
    return sorted(_ACTS.values(), key=lambda one: (one.name == "archive", one.name != "validate"))


def find(name: str) -> Act:
    """Return an action; BadRequest when there is none of the name."""
    if name not in _ACTS:
        raise BadRequest(f"action must be one of {', '.join(sorted(_ACTS))}", {"fields": {"action": [name[:32]]}})
    return _ACTS[name]


def named(tenant_id: UUID, refs: Iterable[str]) -> QuerySet[Dataset]:
    """Return the datasets with these ids; NotFound when one is not there, BadRequest for too many."""
    wanted = list(dict.fromkeys(refs))
    if len(wanted) > MOST_NAMED:
        raise BadRequest(f"name at most {MOST_NAMED} datasets, or use the filters", {"fields": {"ids": []}})
    keys = [_decoded(ref) for ref in wanted]
    rows = Dataset.of(tenant_id).filter(id__in=keys)
    there = set(rows.values_list("id", flat=True))
    for ref, key in zip(wanted, keys, strict=True):
        if key not in there:
            raise NotFound(f"no dataset with id {ref[:64]!r} in this workspace")
    return rows


def _decoded(ref: str) -> UUID:
    try:
        return ids.decode(Dataset.prefix, ref)
    except ValueError:
        return UUID(int=0)


def plan(chosen: Act, rows: QuerySet[Dataset]) -> Plan:
    """Count what an action would meet now."""
    counted = rows.order_by().values_list("status").annotate(count=Count("id")).order_by("-count", "status")
    states = [(status, count, status in chosen.states) for status, count in counted]
    return Plan(sum(count for _, count, _ in states), states)


def request(
    actor: Actor,
    chosen: Act,
    rows: QuerySet[Dataset],
    asked: Mapping[str, Any],
    *,
    expect: int | None = None,
    key: str | None = None,
) -> BulkAction:
    """Write down the datasets and start the job that acts on them; inside `db.atomic()`.

    `key`: asked for again under the same one, the first answer holds. `expect`: how many were confirmed. ScopeMissing,
    NothingToDo, SelectionChanged.
    """
    if not actor.may(chosen.scope):
        message = f"{chosen.label.lower()} needs the scope {chosen.scope!r}"
        raise ScopeMissing(message, {"needed": chosen.scope, "held": sorted(actor.scopes)})
    bulk = BulkAction(tenant_id=actor.tenant_id, user_id=actor.user_id, action=chosen.name, asked=asked, key=key)
    try:
        with db.atomic():
            bulk.save(force_insert=True)
    except IntegrityError:
        return BulkAction.of(actor.tenant_id).get(key=key)
    bulk.total = _write_down(bulk, rows)
    _agree(bulk.total, expect)
    bulk.job = queue.submit(actor, JOB, {"bulkId": bulk.ref}, subject=bulk.ref)
    bulk.save(update_fields=["total", "job"])
    told = {"action": chosen.name, "total": bulk.total, "filters": asked, "job": bulk.job.ref}
    outbox.record(actor, "bulk.asked", bulk.ref, new="working", details=told)
    return bulk


def _write_down(bulk: BulkAction, rows: QuerySet[Dataset]) -> int:
    found = rows.order_by("-created_at", "-id").values_list("id", flat=True)
    items = [BulkItem(bulk=bulk, number=number, dataset_id=key) for number, key in enumerate(found, 1)]
    BulkItem.objects.bulk_create(items, batch_size=500)
    return len(items)


def _agree(total: int, expect: int | None) -> None:
    if not total:
        raise NothingToDo("no dataset was chosen, or none matches the filters")
    if expect is not None and expect != total:
        details = {"confirmed": expect, "matching": total}
        raise SelectionChanged(f"{total:,} datasets match now; {expect:,} were confirmed", details)


def _settle(actor: Actor, chosen: Act, item: BulkItem) -> None:
    """Act on one dataset and write down what came of it; a refusal takes back what its verb had begun."""
    dataset = Dataset.of(actor.tenant_id).get(id=item.dataset_id)
    outcome: dict[str, Any] = {"state": ItemState.DONE}
    try:
        with db.atomic():
            version = versions.of_dataset(dataset, None)
            outcome["version"] = version.number
            if version.status not in chosen.states:
                raise lifecycle.conflict(version, list(chosen.states), f"be {chosen.past}")
            outcome["job_ref"] = chosen.verb(actor, dataset, version)
    except ProblemError as problem:
        outcome |= {"state": ItemState.REFUSED, "code": problem.code, "reason": problem.message[:1000]}
    BulkItem.objects.filter(id=item.id, state=ItemState.PENDING).update(**outcome)


def carry(run: Any) -> dict[str, Any]:
    """Act on all that is pending, each in a fenced transaction of its own; a retry finds the rest."""
    bulk = BulkAction.of(run.actor.tenant_id).get(id=ids.decode(BulkAction.prefix, run.params["bulkId"]))
    chosen = find(bulk.action)
    done = bulk.total - bulk.items.filter(state=ItemState.PENDING).count()
    while batch := list(bulk.items.filter(state=ItemState.PENDING).order_by("number")[:BATCH]):
        for item in batch:
            run.check()
            with run.effect():
                _settle(run.actor, chosen, item)
            done += 1
            run.progress(chosen.label.lower(), done, bulk.total, "datasets")
    counted = counts(bulk)
    with run.effect() as effect:
        BulkAction.of(bulk.tenant_id).filter(id=bulk.id).update(finished_at=db.now())
        effect.finish(counted)
        outbox.record(run.actor, "bulk.finished", bulk.ref, old="working", new="finished", details=counted)
    return counted


def counts(bulk: BulkAction) -> dict[str, int]:
    """Return how many datasets of a bulk action are done, refused and pending."""
    found = dict(bulk.items.order_by().values_list("state").annotate(Count("id")))
    return {state: found.get(state, 0) for state in ItemState.values}


def outcomes(bulk: BulkAction, state: str = "") -> QuerySet[BulkItem]:
    """Return the items of a bulk action with their datasets, all or those of a state; BadRequest for an unknown one."""
    rows = BulkItem.objects.filter(bulk=bulk).select_related("dataset")
    if not state:
        return rows
    if state not in ItemState.values:
        raise BadRequest(f"state must be one of {', '.join(ItemState.values)}", {"fields": {"state": [state[:32]]}})
    return rows.filter(state=state)


def state_of(bulk: BulkAction) -> str:
    """Return finished, working, or stopped when its job ended before it was through."""
    if bulk.finished_at:
        return "finished"
    return "working" if bulk.job and not bulk.job.is_final else "stopped"


@act(
    "validate",
    "Re-validate",
    "validated again",
    scope="write",
    states=validation.MAY_VALIDATE,
    follows="Each file is read again from its first byte, by a job of its own, with the answers it was given before.",
)
def _validate(actor: Actor, dataset: Dataset, version: DatasetVersion) -> str:
    return validation.request(actor, dataset, version.number, {})[1].ref


@act(
    "archive",
    "Archive",
    "archived",
    scope="write",
    states=[state for state, targets in lifecycle.EDGES.items() if Status.ARCHIVED in targets],
    follows="The version shown takes no further part. Nothing is deleted and lineage stays; a dataset that has an older"
    " version in use goes on with that one.",
)
def _archive(actor: Actor, dataset: Dataset, version: DatasetVersion) -> str:
    lifecycle.advance(version, Status.ARCHIVED, actor, reason="archived with others")
    return ""
