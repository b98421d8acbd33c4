"""What came of a run: metrics, curves and provenance kept with the backtest in the transaction that ends its job."""

from __future__ import annotations

from typing import Any

from datasets.models import DatasetVersion
from lona.adapter import reports
from lona.client import Client
from lona.models import Backtest, BacktestInput, BacktestStatus
from tradenexus import db
from tradenexus.events import outbox
from tradenexus.jobs.runner import Run


def keep(run: Run, client: Client, row: Backtest) -> dict[str, Any]:
    """Read the full report and keep it; raises the class of the failure when the provider says FAILED."""
    run.progress("reading the report", None, None, "")
    report = client.report_full(row.report_id)
    if reports.state_of(report) == "failed":
        raise reports.failure({**report, "id": row.report_id})
    metrics = reports.metrics(report.get("total_stats"))
    equity, drawdown = reports.curves(report)
    with run.effect() as effect:
        Backtest.everyone.filter(id=row.id, status=BacktestStatus.RUNNING).update(
            status=BacktestStatus.COMPLETED,
            completed_at=db.now(),
            metrics=metrics,
            equity=equity,
            drawdown=drawdown,
            trades=reports.trades(report),
            provenance=provenance(row),
            error=None,
        )
        effect.finish({"backtestId": row.ref, "status": "completed", "metrics": metrics})
        told = {"reportId": row.report_id, "metrics": metrics}
        outbox.record(run.actor, "backtest.status", row.ref, old="running", new="completed", details=told, data=told)
    return {"backtestId": row.ref, "status": "completed", "metrics": metrics}


def provenance(row: Backtest) -> dict[str, Any]:
    """Say exactly what ran on what: versions with their digests, slices, symbols, report, cover, policy."""
    parts = BacktestInput.objects.filter(backtest=row).select_related("version__dataset", "publication")
    return {
        **row.provenance,
        "datasets": [_named(part) for part in parts.order_by("place")],
        "sha256": {part.version.ref: part.version.sha256 for part in parts},
        "snapshotId": None,
        "slice": {"startDate": row.start_date.isoformat(), "endDate": row.end_date.isoformat()},
        "strategy": {
            "id": row.strategy.ref,
            "lonaStrategyId": row.strategy.lona_strategy_id,
            "codeSha256": row.strategy.code_sha256,
        },
        "missingData": row.missing_data,
        "fills": 0,  # nothing is fetched from vendors for a run yet
        "provider": row.provider,
    }


def _named(part: BacktestInput) -> dict[str, Any]:
    version, publication = part.version, part.publication
    return {
        "datasetId": version.dataset.ref,
        "version": version.number,
        "versionId": version.ref,
        "ref": f"{version.dataset.ref}@{version.number}",
        "name": version.dataset.name,
        "sha256": version.sha256,
        "uploadSha256": _upload(version).sha256,
        "instrument": part.instrument,
        "publicationId": publication.ref if publication else None,
        "lonaSymbolId": publication.lona_symbol_id if publication else None,
        "contentHash": publication.content_hash if publication else None,
    }


def _upload(version: DatasetVersion) -> DatasetVersion:
    while version.parent is not None:
        version = version.parent
    return version
