"""Publications, mappings, symbols, strategies and backtests as the API shows them, and their shapes for OpenAPI."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from lona.models import Backtest, BacktestStatus, Publication, PublicationState, Strategy, StrategyState
from lona.reconcile import Finding
from lona.resolve import instant
from lona.symbols import data_range
from tradenexus import ids


class FailureSerializer(serializers.Serializer):
    """Why something failed."""

    code = serializers.CharField()
    message = serializers.CharField()
    details = serializers.DictField()


class PublishedSliceSerializer(serializers.Serializer):
    """Half-open range, UTC."""

    start = serializers.CharField()
    end = serializers.CharField()


class JobReferenceSerializer(serializers.Serializer):
    """The job that does it."""

    id = serializers.CharField()


class PublicationSerializer(serializers.Serializer):
    """A slice of a version at the provider."""

    id = serializers.CharField()
    datasetId = serializers.CharField()
    versionId = serializers.CharField()
    version = serializers.IntegerField()
    symbol = serializers.CharField()
    venue = serializers.CharField(allow_blank=True)
    frequency = serializers.CharField()
    slice = PublishedSliceSerializer()
    mode = serializers.ChoiceField(["explicit", "just_in_time"])
    state = serializers.ChoiceField(PublicationState.values)
    name = serializers.CharField(allow_null=True)
    lonaSymbolId = serializers.CharField(allow_null=True)
    reused = serializers.BooleanField()
    rowCount = serializers.IntegerField(allow_null=True)
    first = serializers.CharField(allow_null=True)
    last = serializers.CharField(allow_null=True)
    sizeBytes = serializers.IntegerField(allow_null=True)
    sha256 = serializers.CharField(allow_null=True, help_text="of the CSV that was sent")
    contentDigest = serializers.CharField(allow_null=True, help_text="of the bars as numbers, equal on both sides")
    provider = serializers.CharField(allow_null=True)
    job = JobReferenceSerializer(allow_null=True)
    error = FailureSerializer(allow_null=True)
    createdAt = serializers.DateTimeField()
    publishedAt = serializers.DateTimeField(allow_null=True)


def publication(row: Publication) -> dict[str, Any]:
    """Return a publication as the API shows it; needs version and its dataset."""
    return {
        "id": row.ref,
        "datasetId": row.version.dataset.ref,
        "versionId": row.version.ref,
        "version": row.version.number,
        "symbol": row.instrument,
        "venue": row.venue,
        "frequency": row.frequency,
        "slice": {"start": instant(row.start_ns), "end": instant(row.end_ns)},
        "mode": row.mode,
        "state": row.state,
        "name": row.symbol_name or None,
        "lonaSymbolId": row.lona_symbol_id or None,
        "reused": row.reused,
        "rowCount": row.rows,
        "first": None if row.first_ns is None else instant(row.first_ns),
        "last": None if row.last_ns is None else instant(row.last_ns),
        "sizeBytes": row.size_bytes,
        "sha256": row.csv_sha256 or None,
        "contentDigest": row.content_hash or None,
        "provider": row.provider or None,
        "job": _job(row.job_id),
        "error": row.error,
        "createdAt": row.created_at,
        "publishedAt": row.published_at,
    }


def _job(job_id: Any) -> dict[str, str] | None:
    return {"id": ids.encode("job", job_id)} if job_id else None


class MappingSerializer(serializers.Serializer):
    """One pair of our record and the provider's."""

    state = serializers.ChoiceField(["ok", "missing", "drift", "orphan", "unknown", "unchecked"])
    reason = serializers.CharField(allow_blank=True)
    action = serializers.ChoiceField(["none", "retire", "look again", "deleted"])
    publicationId = serializers.CharField(allow_null=True)
    datasetId = serializers.CharField(allow_null=True)
    versionId = serializers.CharField(allow_null=True)
    version = serializers.IntegerField(allow_null=True)
    lonaSymbolId = serializers.CharField(allow_null=True)
    name = serializers.CharField(allow_null=True)
    reconciledAt = serializers.DateTimeField(allow_null=True)


def mapping(row: Publication) -> dict[str, Any]:
    """Return a published slice as a mapping, as the last reconcile found it."""
    return finding(Finding(row.mapping or "unchecked", "", "none", row))


def finding(found: Finding) -> dict[str, Any]:
    """Return one row of a comparison."""
    row, symbol = found.publication, found.symbol or {}
    return {
        "state": found.state,
        "reason": found.reason,
        "action": found.action,
        "publicationId": row.ref if row else None,
        "datasetId": row.version.dataset.ref if row else None,
        "versionId": row.version.ref if row else None,
        "version": row.version.number if row else None,
        "lonaSymbolId": (row.lona_symbol_id if row else "") or _text(symbol.get("id")),
        "name": (row.symbol_name if row else "") or _text(symbol.get("name")),
        "reconciledAt": row.reconciled_at if row else None,
    }


class ProviderSymbolSerializer(serializers.Serializer):
    """A symbol as the provider lists it."""

    id = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    description = serializers.CharField(allow_blank=True)
    isGlobal = serializers.BooleanField()
    frequencies = serializers.ListField(child=serializers.CharField())
    dataRange = PublishedSliceSerializer(allow_null=True, help_text="first and last bar, both inclusive")
    typeMetadata = serializers.DictField()
    createdAt = serializers.CharField(allow_null=True)
    provider = serializers.CharField()


def symbol(row: dict[str, Any], provider: str) -> dict[str, Any]:
    """Return a provider's symbol; what is of another type than documented is left out, never passed on."""
    extent = data_range(row)
    metadata = row.get("type_metadata")
    return {
        "id": str(row.get("id", "")),
        "name": str(row.get("name") or ""),
        "description": str(row.get("description") or "")[:2000],
        "isGlobal": bool(row.get("is_global")),
        "frequencies": [str(item) for item in row.get("frequencies") or []][:50],
        "dataRange": {"start": instant(extent[0]), "end": instant(extent[1])} if extent else None,
        "typeMetadata": metadata if isinstance(metadata, dict) else {},
        "createdAt": _text(row.get("created_at")),
        "provider": provider,
    }


def _text(value: Any) -> str | None:
    return str(value)[:200] if value else None


class StrategySerializer(serializers.Serializer):
    """A strategy that the provider wrote."""

    id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    state = serializers.ChoiceField(StrategyState.values)
    lonaStrategyId = serializers.CharField(allow_null=True)
    lonaName = serializers.CharField()
    code = serializers.CharField(allow_blank=True)
    codeSha256 = serializers.CharField(allow_null=True)
    explanation = serializers.CharField(allow_blank=True)
    provider = serializers.CharField(allow_null=True)
    error = FailureSerializer(allow_null=True)
    createdAt = serializers.DateTimeField()


def strategy(row: Strategy) -> dict[str, Any]:
    """Return a strategy as the API shows it."""
    return {
        "id": row.ref,
        "name": row.name,
        "description": row.description,
        "state": row.state,
        "lonaStrategyId": row.lona_strategy_id or None,
        "lonaName": row.lona_name,
        "code": row.code,
        "codeSha256": row.code_sha256 or None,
        "explanation": row.explanation,
        "provider": row.provider or None,
        "error": row.error,
        "createdAt": row.created_at,
    }


class MetricsSerializer(serializers.Serializer):
    """Percent, drawdown positive; null is what the provider did not say."""

    sharpeRatio = serializers.FloatField(allow_null=True)
    maxDrawdownPct = serializers.FloatField(allow_null=True)
    winRatePct = serializers.FloatField(allow_null=True)
    totalReturnPct = serializers.FloatField(allow_null=True)
    totalTrades = serializers.FloatField(allow_null=True)


class BacktestSerializer(serializers.Serializer):
    """A backtest without its curves."""

    id = serializers.CharField()
    strategyId = serializers.CharField()
    status = serializers.ChoiceField(BacktestStatus.values)
    startDate = serializers.DateField()
    endDate = serializers.DateField()
    initialCash = serializers.FloatField()
    parameters = serializers.DictField()
    commission = serializers.FloatField()
    leverage = serializers.FloatField()
    buyOnClose = serializers.BooleanField()
    missingData = serializers.CharField()
    dataIds = serializers.ListField(child=serializers.CharField())
    metrics = MetricsSerializer(allow_null=True)
    provenance = serializers.DictField()
    provider = serializers.CharField(allow_null=True)
    error = FailureSerializer(allow_null=True)
    job = JobReferenceSerializer(allow_null=True)
    createdAt = serializers.DateTimeField()
    startedAt = serializers.DateTimeField(allow_null=True)
    completedAt = serializers.DateTimeField(allow_null=True)


class EquityPointSerializer(serializers.Serializer):
    """Equity at a time."""

    date = serializers.CharField()
    value = serializers.FloatField()


class DrawdownPointSerializer(serializers.Serializer):
    """Fall from the highest equity so far, in percent, positive."""

    date = serializers.CharField()
    pct = serializers.FloatField()


class BacktestDetailSerializer(BacktestSerializer):
    """A backtest with its curves and trades."""

    equity = EquityPointSerializer(many=True)
    drawdown = DrawdownPointSerializer(many=True)
    trades = serializers.ListField(child=serializers.DictField())


def backtest(row: Backtest) -> dict[str, Any]:
    """Return a backtest as lists show it; curves and trades are not read."""
    return {
        "id": row.ref,
        "strategyId": ids.encode(Strategy.prefix, row.strategy_id),
        "status": row.status,
        "startDate": row.start_date,
        "endDate": row.end_date,
        "initialCash": row.initial_cash,
        "parameters": row.parameters,
        "commission": row.commission,
        "leverage": row.leverage,
        "buyOnClose": row.buy_on_close,
        "missingData": row.missing_data,
        "dataIds": row.data_ids,
        "metrics": row.metrics,
        "provenance": row.provenance,
        "provider": row.provider or None,
        "error": row.error,
        "job": _job(row.job_id),
        "createdAt": row.created_at,
        "startedAt": row.started_at,
        "completedAt": row.completed_at,
    }


def backtest_detail(row: Backtest) -> dict[str, Any]:
    """Return a backtest with curves and trades."""
    return {**backtest(row), "equity": row.equity, "drawdown": row.drawdown, "trades": row.trades}
