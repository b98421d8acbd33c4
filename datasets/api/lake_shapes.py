"""How the lake's rows look in answers, and their serializers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from datasets.lake import catalog, ledger, rules
from datasets.market import tables
from datasets.market.times import time_text
from datasets.models import Instrument, LakeCommit, LakeEntry, LakePartition, LakeQuarantine, LakeRevision
from tradenexus import ids


class LakeEntrySerializer(serializers.Serializer):
    """One instrument of one table."""

    id = serializers.CharField()
    table = serializers.CharField()
    instrument = serializers.CharField()
    interval = serializers.CharField(allow_blank=True)
    calendar = serializers.CharField(allow_blank=True)
    vendor = serializers.CharField(allow_blank=True)
    revision = serializers.IntegerField()
    digest = serializers.CharField(allow_blank=True)
    rows = serializers.IntegerField()
    sizeBytes = serializers.IntegerField()
    timeRange = serializers.DictField(allow_null=True)
    fetchedAt = serializers.DateTimeField(allow_null=True)
    expectedNext = serializers.DateTimeField(allow_null=True)
    freshness = serializers.ChoiceField(list(catalog.STATES))
    grade = serializers.CharField(allow_blank=True)
    qualityScore = serializers.FloatField(allow_null=True)
    sessions = serializers.DictField(child=serializers.IntegerField())
    updatedAt = serializers.DateTimeField(allow_null=True)


class PartitionSerializer(serializers.Serializer):
    """The verdict on one session."""

    session = serializers.DateField()
    status = serializers.ChoiceField(
        [rules.GREEN, rules.AMBER, rules.RED], help_text="in force: the override, if one holds"
    )
    judged = serializers.CharField(help_text="what the checks said")
    code = serializers.CharField()
    codes = serializers.ListField(child=serializers.CharField())
    expected = serializers.IntegerField(allow_null=True)
    rows = serializers.IntegerField()
    score = serializers.FloatField()
    digest = serializers.CharField(allow_blank=True)
    firstObserved = serializers.CharField(allow_null=True)
    lastObserved = serializers.CharField(allow_null=True)
    vendor = serializers.CharField(allow_blank=True)
    notes = serializers.CharField(allow_blank=True)
    override = serializers.DictField(allow_null=True)


class RevisionSerializer(serializers.Serializer):
    """What one commit did to an entry."""

    number = serializers.IntegerField()
    commitId = serializers.CharField()
    digest = serializers.CharField()
    rows = serializers.IntegerField()
    changes = serializers.DictField()
    vendor = serializers.CharField(allow_blank=True)
    createdAt = serializers.DateTimeField()


class CommitSerializer(serializers.Serializer):
    """One change of the lake."""

    id = serializers.CharField()
    operation = serializers.CharField()
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    jobId = serializers.CharField(allow_null=True)
    summary = serializers.DictField()
    createdBy = serializers.CharField(allow_null=True)
    createdAt = serializers.DateTimeField()


class ChangedSerializer(serializers.Serializer):
    """What a commit did to one entry."""

    table = serializers.CharField()
    instrument = serializers.CharField()
    revision = serializers.IntegerField()
    rows = serializers.IntegerField()
    changes = serializers.DictField()
    vendor = serializers.CharField(allow_blank=True)
    diff = serializers.CharField(allow_null=True, help_text="address of the diff; null: there is no revision before it")


class QuarantineSerializer(serializers.Serializer):
    """Rows of a session that were refused."""

    id = serializers.CharField()
    table = serializers.CharField()
    instrument = serializers.CharField()
    session = serializers.DateField()
    code = serializers.CharField()
    about = serializers.CharField()
    notes = serializers.CharField(allow_blank=True)
    rows = serializers.IntegerField()
    sizeBytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    vendor = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(list(LakeQuarantine.STATES))
    reason = serializers.CharField(allow_blank=True)
    commitId = serializers.CharField()
    fixedVersionId = serializers.CharField(allow_null=True, help_text="the version that entered in their place")
    fixedCommitId = serializers.CharField(allow_null=True)
    createdAt = serializers.DateTimeField()
    settledAt = serializers.DateTimeField(allow_null=True)


class InstrumentSerializer(serializers.Serializer):
    """One description of an instrument, true in [validFrom, validUntil)."""

    id = serializers.CharField()
    name = serializers.CharField()
    venue = serializers.CharField()
    symbol = serializers.CharField()
    type = serializers.CharField()
    base = serializers.CharField(allow_blank=True)
    quote = serializers.CharField(allow_blank=True)
    tickSize = serializers.CharField(allow_blank=True)
    lotSize = serializers.CharField(allow_blank=True)
    timezone = serializers.CharField()
    calendar = serializers.CharField(allow_blank=True)
    validFrom = serializers.DateTimeField()
    validUntil = serializers.DateTimeField(allow_null=True)


def entry(row: LakeEntry) -> dict[str, Any]:
    """Return an entry as the API shows it."""
    table = tables.find(row.table)
    span = None
    if row.first_ns is not None and row.last_ns is not None:
        span = {"start": time_text(row.first_ns), "end": time_text(row.last_ns)}
    return {
        "id": row.ref,
        "table": row.table,
        "instrument": row.instrument,
        "interval": table.interval,
        "calendar": row.calendar,
        "vendor": row.vendor,
        "revision": row.revision,
        "digest": row.digest,
        "rows": row.rows,
        "sizeBytes": row.size_bytes,
        "timeRange": span,
        "fetchedAt": row.fetched_at,
        "expectedNext": row.expected_next,
        "freshness": catalog.freshness(row),
        "grade": row.grade,
        "qualityScore": row.quality_score,
        "sessions": {"expected": row.sessions, "green": row.green, "amber": row.amber, "red": row.red},
        "updatedAt": row.updated_at,
    }


def whole_entry(row: LakeEntry) -> dict[str, Any]:
    """Return an entry with what only its own page shows: coverage and how its score is made."""
    covered = [{"start": time_text(start), "end": time_text(end)} for start, end in row.coverage]
    return {**entry(row), "coverage": covered, "scoreFormula": ledger.SCORE_FORMULA}


def partition(row: LakePartition) -> dict[str, Any]:
    """Return a verdict; the row must carry `verdict` (`ledger.in_force`)."""
    override = None
    if row.override_status:
        override = {"status": row.override_status, "reason": row.override_reason, "until": row.override_until}
    return {
        "session": row.session,
        "status": row.verdict,  # type: ignore[attr-defined]
        "judged": row.status,
        "code": row.code,
        "codes": row.codes,
        "expected": row.expected,
        "rows": row.rows,
        "score": row.score,
        "digest": row.digest,
        "firstObserved": None if row.first_ns is None else time_text(row.first_ns),
        "lastObserved": None if row.last_ns is None else time_text(row.last_ns),
        "vendor": row.vendor,
        "notes": row.notes,
        "override": override,
    }


def revision(row: LakeRevision) -> dict[str, Any]:
    """Return a revision."""
    return {
        "number": row.number,
        "commitId": ids.encode(LakeCommit.prefix, row.commit_id),
        "digest": row.digest,
        "rows": row.rows,
        "changes": row.changes,
        "vendor": row.vendor,
        "createdAt": row.created_at,
    }


def commit(row: LakeCommit) -> dict[str, Any]:
    """Return a commit."""
    return {
        "id": row.ref,
        "operation": row.operation,
        "source": row.source,
        "jobId": row.job_ref or None,
        "summary": row.summary,
        "createdBy": ids.encode("usr", row.created_by_id) if row.created_by_id else None,
        "createdAt": row.created_at,
    }


def changed(row: LakeRevision) -> dict[str, Any]:
    """Return what a commit did to one entry; the entry must be at hand."""
    named = {"table": row.entry.table, "instrument": row.entry.instrument, "revision": row.number}
    kept = row.number - 1 >= max(1, row.entry.oldest_revision)
    path = f"/v1/lake/{row.entry.table}/{row.entry.instrument}/diff/{row.number - 1}...{row.number}"
    return {**named, "rows": row.rows, "changes": row.changes, "vendor": row.vendor, "diff": path if kept else None}


def quarantine(row: LakeQuarantine) -> dict[str, Any]:
    """Return refused rows; the entry must be at hand."""
    return {
        "id": row.ref,
        "table": row.entry.table,
        "instrument": row.entry.instrument,
        "session": row.session,
        "code": row.code,
        "about": rules.ABOUT.get(row.code, ""),
        "notes": row.notes,
        "rows": row.rows,
        "sizeBytes": row.size_bytes,
        "sha256": row.sha256,
        "vendor": row.vendor,
        "state": row.state,
        "reason": row.settled_reason,
        "commitId": ids.encode(LakeCommit.prefix, row.commit_id),
        "fixedVersionId": row.fixed_in.source if row.fixed_in else None,
        "fixedCommitId": row.fixed_in.ref if row.fixed_in else None,
        "createdAt": row.created_at,
        "settledAt": row.settled_at,
    }


def instrument(row: Instrument) -> dict[str, Any]:
    """Return a description of an instrument."""
    return {
        "id": row.ref,
        "name": row.name,
        "venue": row.venue,
        "symbol": row.symbol,
        "type": row.type,
        "base": row.base,
        "quote": row.quote,
        "tickSize": row.tick_size,
        "lotSize": row.lot_size,
        "timezone": row.timezone,
        "calendar": row.calendar,
        "validFrom": row.valid_from,
        "validUntil": row.valid_until,
    }
