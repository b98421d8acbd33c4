"""Job kinds of this app: publish slices, run a backtest. Handlers import at first use: a resting worker stays small."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from tradenexus import ids
from tradenexus.actor import Actor
from tradenexus.errors import ProblemError
from tradenexus.jobs import registry, schedules
from tradenexus.jobs.models import Job
from tradenexus.jobs.runner import Run


def _publish_ended(run: Run | Job, actor: Actor, error: ProblemError, outcome: str) -> None:
    from lona.publish import ending

    ending.release(run.job if isinstance(run, Run) else run, actor, error, outcome)


def _publish_again(job: Job, actor: Actor) -> None:
    from lona.publish import ending

    ending.reopen(job, actor)


@registry.handler(
    "lona.publish",
    "Publish to Lona",
    heavy=True,
    max_attempts=12,
    on_failure=_publish_ended,
    on_retry=_publish_again,
    phases=("looking for the symbol", "writing the slice", "sending", "reading back"),
    reuses="Slices that are at the provider already are found there by name and digest and not sent again.",
)
def publish(run: Run) -> dict[str, Any]:
    """Carry the publications of the job to the provider, one after another; the first failure is the job's."""
    from lona.publish import batch

    return batch.carry_all(run, run.params["publicationIds"])


def _backtest_ended(run: Run | Job, actor: Actor, error: ProblemError, outcome: str) -> None:
    from lona.backtests import ending

    ending.release(run.job if isinstance(run, Run) else run, actor, error, outcome)


def _backtest_again(job: Job, actor: Actor) -> None:
    from lona.backtests import ending

    ending.reopen(job, actor)


# Not heavy: it mostly waits for the provider. One job holds its worker to the end, because what people watch and cancel
# is then one job, and a restart goes on from the stored report id.
@registry.handler(
    "lona.backtest",
    "Run backtest",
    max_attempts=12,
    on_failure=_backtest_ended,
    on_retry=_backtest_again,
    limit_s=settings.LONA_RUN_TIMEOUT_S + 1_800,
    phases=("looking at the bars", "starting", "running at", "reading the report"),
    reuses="Published slices are used again; a run that the provider has started is waited for, not started twice.",
)
def backtest(run: Run) -> dict[str, Any]:
    """Publish what the backtest needs, start it at the provider, wait for its report, keep the outcome."""
    from lona.backtests import carry

    return carry.carry_out(run, run.params["backtestId"])


@registry.handler("lona.reconcile", "Reconcile with Lona", max_attempts=3)
def reconcile_one(run: Run) -> dict[str, Any]:
    """Compare one publication with the provider and mend our side; what it comes to is recorded there."""
    from lona import errors, reconcile
    from lona.client import connect
    from lona.models import Publication

    key = ids.decode(Publication.prefix, run.params["publicationId"])
    row = Publication.of(run.actor.tenant_id).select_related("version__dataset", "job").get(id=key)
    try:
        client = connect(run.actor.request_id)
        found = reconcile.look_at(client, row)
    except errors.LonaUnavailable as away:
        raise registry.RetryLater(f"{away.code}: {away.message}", getattr(away, "retry_after_s", None)) from away
    run.check()
    reconcile.mend(run.actor, client, [found])
    return {"mapping": found.state, "reason": found.reason}


@registry.handler("lona.look_again", "Look again for lost answers", max_attempts=3)
def look_again(run: Run) -> dict[str, Any]:
    """Take up publications whose answer was lost and whose job has ended; for the whole installation."""
    from lona.models import Publication, PublicationState

    if not Publication.everyone.filter(state=PublicationState.UNKNOWN).exists():
        return {"taken": 0}
    from lona import reconcile

    return {"taken": reconcile.take_up_lost(run.actor.request_id)}


schedules.every(900, "lona.look_again")
