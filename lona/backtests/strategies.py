"""Strategies: noted here first, then written by the provider under a name of ours, so that a lost answer can be found.

The provider is asked outside of any transaction: it may take three minutes.
"""

from __future__ import annotations

import contextlib
import hashlib
from datetime import timedelta
from typing import Any

from django.db.models import Q

from lona import errors
from lona.client import STRATEGY_TIMEOUT_S, Client, connect, provider_label
from lona.models import Strategy, StrategyState
from tradenexus import db, ids
from tradenexus.actor import Actor
from tradenexus.errors import Conflict, ProblemError
from tradenexus.events import outbox

LATE = timedelta(seconds=STRATEGY_TIMEOUT_S + 60)


class StrategyBeingCreated(Conflict):
    """This very strategy is being created by another request. Read it again in a moment."""

    code = "STRATEGY_BEING_CREATED"


def note(actor: Actor, description: str, name: str = "", provider: str = "") -> Strategy:
    """Write the row of a strategy to be made, inside `db.atomic()`."""
    key = ids.uuid7()
    name = name or " ".join(description.split())[:60]
    row = Strategy.everyone.create(
        id=key,
        tenant_id=actor.tenant_id,
        user_id=actor.user_id,
        name=name,
        lona_name=f"{name[:80]} {key.hex[-12:]}",
        description=description,
        provider_asked=provider,
    )
    outbox.record(actor, "strategy.state", row.ref, new=row.state, data={"name": name})
    return row


def make(actor: Actor, strategy: Strategy) -> Strategy:
    """Let the provider write it, outside of a transaction; what is ready is returned as it is.

    LonaUnavailable: nothing was sent, call again. LonaAnswerLost: call again, it is then looked for by its name.
    """
    if strategy.state == StrategyState.READY:
        return strategy
    if strategy.state == StrategyState.FAILED:
        raise _failure(strategy)
    client, open_before = connect(actor.request_id), strategy.sent_at
    if not _claim(strategy):
        raise StrategyBeingCreated("the strategy is being created", {"strategyId": strategy.ref})
    try:
        made = _found(client, strategy) if open_before else None
        made = made or _ask(client, strategy)
        return _ready(actor, strategy, made, client)
    except errors.LonaAnswerLost as lost:
        _set(strategy, StrategyState.UNKNOWN, error=_body(lost))
        raise
    except errors.LonaUnavailable:
        _set(strategy, StrategyState.UNKNOWN if open_before else StrategyState.CREATING, sent_at=open_before)
        raise
    except ProblemError as refused:
        _set(strategy, StrategyState.FAILED, error=_body(refused), sent_at=None)
        raise


def _claim(strategy: Strategy) -> bool:
    """Take the right to send; one that was sent and lost may be looked for again, sent again only when it is late."""
    free = Q(state__in=[StrategyState.CREATING, StrategyState.UNKNOWN])
    abandoned = Q(state=StrategyState.SENDING, sent_at__lt=db.now() - LATE)
    values = {"state": StrategyState.SENDING, "sent_at": db.now()}
    claimed = Strategy.everyone.filter(Q(id=strategy.id) & (free | abandoned)).update(**values)
    if claimed:
        strategy.refresh_from_db()
    return bool(claimed)


def _ask(client: Client, strategy: Strategy) -> dict[str, Any]:
    try:
        return client.create_strategy(strategy.description, strategy.lona_name, strategy.provider_asked)
    except errors.LonaConflict:
        found = _found(client, strategy)
        if found is None:
            raise
        return found
    except errors.LonaAnswerLost:
        with contextlib.suppress(errors.LonaUnavailable):
            found = _found(client, strategy)
            if found is not None:
                return found
        raise


def _found(client: Client, strategy: Strategy) -> dict[str, Any] | None:
    """Look for the strategy by its unique name at the provider."""
    for row in client.strategies():
        if row.get("name") == strategy.lona_name and row.get("id"):
            return {"strategyId": str(row["id"]), "name": row["name"], "explanation": row.get("explanation") or ""}
    return None


def _ready(actor: Actor, strategy: Strategy, made: dict[str, Any], client: Client) -> Strategy:
    code = str(made.get("code") or client.strategy_code(str(made["strategyId"])))
    with db.atomic():
        _set(
            strategy,
            StrategyState.READY,
            lona_strategy_id=str(made["strategyId"])[:200],
            code=code,
            code_sha256=hashlib.sha256(code.encode()).hexdigest(),
            explanation=str(made.get("explanation") or ""),
            provider=provider_label(),
            error=None,
        )
        outbox.record(actor, "strategy.state", strategy.ref, old="sending", new=strategy.state)
    return strategy


def _set(strategy: Strategy, state: str, **values: Any) -> None:
    Strategy.everyone.filter(id=strategy.id).update(state=state, **values)
    strategy.refresh_from_db()


def _body(error: ProblemError) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, "details": error.details}


def _failure(strategy: Strategy) -> ProblemError:
    said = strategy.error or {}
    problem = errors.LonaRejected(said.get("message", "the provider refused the strategy"), said.get("details"))
    problem.code = said.get("code", problem.code)
    return problem
