"""Carry a backtest out: look at the bars, publish just in time, start it once, wait for its report, keep the outcome.

`sent_at` is written before the run is sent and `report_id` after: with the first and not the second the outcome is
unknown for good, since the provider lists no reports. Such a run fails and is never sent a second time by itself.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.conf import settings

from lona import errors
from lona.adapter import reports
from lona.backtests import inputs, outcome
from lona.client import Client, connect, provider_label
from lona.models import Backtest, BacktestStatus
from tradenexus import db, ids
from tradenexus.events import outbox
from tradenexus.jobs.registry import RetryLater
from tradenexus.jobs.runner import Run

FIRST_POLL_S = 0.2
AWAY_S = 60.0  # how long the provider may be away while its report is awaited, before the worker is given back


def carry_out(run: Run, ref: str) -> dict[str, Any]:
    """Bring a backtest to its end; raises the class of its failure, RetryLater while the provider is away."""
    row = Backtest.of(run.actor.tenant_id).select_related("strategy").get(id=ids.decode(Backtest.prefix, ref))
    if row.status not in (BacktestStatus.QUEUED, BacktestStatus.RUNNING):
        return {"backtestId": row.ref, "status": row.status}
    try:
        client = connect(run.actor.request_id)
        _start(run, row)
        if not row.report_id:
            _send_once(run, client, row)
        _wait(run, client, row)
        return outcome.keep(run, client, row)
    except errors.LonaUnavailable as away:
        if run.job.attempts >= run.job.max_attempts:
            raise
        raise RetryLater(f"{away.code}: {away.message}", getattr(away, "retry_after_s", None)) from away


def _start(run: Run, row: Backtest) -> None:
    if row.status == BacktestStatus.RUNNING:
        return
    label = provider_label()
    with run.effect():
        Backtest.everyone.filter(id=row.id, status=BacktestStatus.QUEUED).update(
            status=BacktestStatus.RUNNING, started_at=db.now(), provider=label
        )
        row.refresh_from_db()
        outbox.record(run.actor, "backtest.status", row.ref, old="queued", new=row.status, data={"provider": label})


def _send_once(run: Run, client: Client, row: Backtest) -> None:
    if row.sent_at is not None:
        raise _unknown(row)
    coverage = inputs.measure(run, row)
    symbols = inputs.publish(run, row)
    try:
        report_id = _send(run, client, row, symbols)
    except errors.LonaNotFound as missing:
        # It was refused, so nothing runs: what the provider lost is published anew, once.
        if not inputs.retire_missing(run, row, missing.message):
            raise errors.BacktestDataNotFound(missing.message, missing.details) from missing
        symbols = inputs.publish(run, row)
        report_id = _send(run, client, row, symbols)
    with run.effect():
        provenance = {**row.provenance, "coverage": coverage, "lonaSymbolIds": symbols, "reportId": report_id}
        Backtest.everyone.filter(id=row.id).update(report_id=report_id, provenance=provenance)
    row.report_id, row.provenance = report_id, provenance
    run.log(f"the provider runs it as report {report_id}")


def _send(run: Run, client: Client, row: Backtest, symbols: list[str]) -> str:
    _mark(run, row, db.now())
    run.progress("starting", None, None, "")
    try:
        return client.run(
            {
                "strategy_id": row.strategy.lona_strategy_id,
                "data_ids": symbols,
                "start_date": row.start_date.isoformat(),
                "end_date": row.end_date.isoformat(),
                "parameters": [{"name": name, "value": value} for name, value in row.parameters.items()],
                "simulation_parameters": {
                    "initial_cash": row.initial_cash,
                    "commission_schema": {"commission": row.commission, "leverage": row.leverage},
                    "buy_on_close": row.buy_on_close,
                },
            }
        )
    except errors.LonaAnswerLost as lost:
        raise _unknown(row) from lost
    except errors.LonaError:
        _mark(run, row, None)  # it was not taken
        raise


def _mark(run: Run, row: Backtest, sent_at: Any) -> None:
    with run.effect():
        Backtest.everyone.filter(id=row.id).update(sent_at=sent_at)
    row.sent_at = sent_at


def _unknown(row: Backtest) -> errors.BacktestOutcomeUnknown:
    return errors.BacktestOutcomeUnknown(
        "the run was sent and its answer lost: the provider may be running it, and it is not sent again by itself",
        {"backtestId": row.ref, "sentAt": row.sent_at.isoformat() if row.sent_at else None},
    )


def _wait(run: Run, client: Client, row: Backtest) -> None:
    """Look at the report until it ends; the first looks are quick, for runs of seconds."""
    assert row.sent_at is not None
    pause, away_since = FIRST_POLL_S, None
    until = row.sent_at + timedelta(seconds=settings.LONA_RUN_TIMEOUT_S)
    while True:
        try:
            status = client.report_status(row.report_id)
            away_since = None
            if reports.state_of(status) != "running":
                return
            done = reports.number(status.get("progress"))
            run.progress(f"running at {row.provider}", done, None if done is None else 1.0, "")
        except errors.LonaUnavailable:
            away_since = away_since or time.monotonic()
            if time.monotonic() - away_since > AWAY_S:
                raise
        if db.now() > until:
            raise errors.BacktestTimeout(
                f"no result after {settings.LONA_RUN_TIMEOUT_S} s; the report id is kept, retry the job to look again",
                {"reportId": row.report_id},
            )
        _sleep(run, pause)
        pause = min(pause * 2, settings.LONA_POLL_S)


def _sleep(run: Run, seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        run.check()
        time.sleep(min(left, 0.5))
    run.check()
