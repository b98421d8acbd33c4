"""/v1/lake/{table}/{instrument}/diff/{a}...{b}: what differs between two revisions of an entry."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.api import lake_shapes as show
from datasets.api.lake import LakeView
from datasets.lake import diff, fulldiff
from datasets.market import dates
from datasets.market.times import time_text
from datasets.models import LakeEntry, LakePartition
from tradenexus.errors import BadRequest
from tradenexus.jobs import api as jobs
from tradenexus.rest import pagination, shapes
from tradenexus.rest.views import respond


class DiffComparedSerializer(serializers.Serializer):
    """What was read for the answer."""

    files = serializers.IntegerField(help_text="that the revisions do not share; the others were not read")
    sharedFiles = serializers.IntegerField()
    rows = serializers.IntegerField(help_text="read, of both sides")
    budget = serializers.IntegerField(help_text="rows of an answer at once; a larger comparison is a job")
    until = serializers.CharField(allow_null=True, help_text="all before it was compared; null: everything")


class DiffRowCountsSerializer(serializers.Serializer):
    """Rows, from a to b."""

    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField(help_text="in files that differ")
    shared = serializers.IntegerField(help_text="in files that both have")


class DiffSessionSerializer(serializers.Serializer):
    """A session that differs."""

    session = serializers.DateField()
    change = serializers.ChoiceField(["+", "-", "~"])
    partlyRead = serializers.BooleanField(help_text="it goes on in rows that were not read")
    rowsA = serializers.IntegerField(help_text="read in a")
    rowsB = serializers.IntegerField(help_text="read in b")
    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    changed = serializers.IntegerField()
    moved = serializers.IntegerField(help_text="the same ticks in another order")
    expected = serializers.IntegerField(allow_null=True)
    status = serializers.CharField(allow_null=True, help_text="the verdict of today")
    code = serializers.CharField(allow_null=True)


class DiffPartitionsSerializer(serializers.Serializer):
    """The sessions that differ, in order of time."""

    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    changed = serializers.IntegerField()
    items = DiffSessionSerializer(many=True)
    nextCursor = serializers.CharField(allow_null=True)


class DiffColumnSerializer(serializers.Serializer):
    """How far a column moved in the rows that both have."""

    name = serializers.CharField()
    changed = serializers.IntegerField()
    rises = serializers.IntegerField()
    falls = serializers.IntegerField()
    appeared = serializers.IntegerField(help_text="null in a")
    vanished = serializers.IntegerField(help_text="null in b")
    maxAbs = serializers.FloatField(allow_null=True)
    maxAbsAt = serializers.CharField(allow_null=True)
    maxRel = serializers.FloatField(allow_null=True, help_text="of the value in a; null where that is 0")
    maxRelAt = serializers.CharField(allow_null=True)


class DiffBinSerializer(serializers.Serializer):
    """A bin: it holds `from` and does not hold `to`."""

    to = serializers.FloatField(allow_null=True, help_text="null: without an end")
    before = serializers.IntegerField()
    after = serializers.IntegerField()

    def get_fields(self) -> dict[str, serializers.Field]:
        """Add the field whose name is a keyword."""
        start = serializers.FloatField(allow_null=True, help_text="null: without an end")
        return {"from": start, **super().get_fields()}


class DiffSideSerializer(serializers.Serializer):
    """The rows of one side; together they are all that are counted there."""

    counted = serializers.IntegerField(help_text="in the bins")
    null = serializers.IntegerField()
    notFinite = serializers.IntegerField(help_text="NaN or infinite")
    noReturn = serializers.IntegerField(help_text="the first of a file, or after a price that is 0 or none")


class DiffDistributionSerializer(serializers.Serializer):
    """A numeric column of the rows that changed, before and after, in bins whose edges are the same for all data."""

    name = serializers.CharField()
    measure = serializers.ChoiceField(["return", "value"], help_text="return: since the row before, 0.01 is 1 %")
    rows = serializers.ChoiceField(
        ["changed", "removed and added"], help_text="before and after, where rows have no key"
    )
    scale = serializers.ChoiceField(["linear", "logarithmic"])
    width = serializers.FloatField(allow_null=True, help_text="of the bins of returns")
    before = DiffSideSerializer()
    after = DiffSideSerializer()
    bins = DiffBinSerializer(many=True, help_text="in order")


class DiffRowSerializer(serializers.Serializer):
    """One row on both sides."""

    change = serializers.ChoiceField(["+", "-", "~"])
    time = serializers.CharField()
    session = serializers.DateField()
    key = serializers.DictField(help_text="further columns of the key")
    old = serializers.DictField(allow_null=True)
    new = serializers.DictField(allow_null=True)
    columns = serializers.ListField(child=serializers.CharField(), help_text="those that differ")


class DiffValuesSerializer(serializers.Serializer):
    """Values."""

    columns = DiffColumnSerializer(many=True)
    distributions = DiffDistributionSerializer(many=True)
    rows = DiffRowSerializer(many=True, help_text="the first 100 of each kind, in order of time")


class DiffSchemaSerializer(serializers.Serializer):
    """Columns; a type never changes."""

    versions = serializers.DictField(help_text="versions of the schema on each side")
    added = serializers.ListField(child=serializers.CharField())
    removed = serializers.ListField(child=serializers.CharField())


class DiffQualitySerializer(serializers.Serializer):
    """The sessions that differ, judged."""

    sessions = serializers.IntegerField()
    verdicts = serializers.DictField(help_text="the verdicts of today")
    completeness = serializers.DictField(help_text="{sessions, a, b}: mean of rows by expected rows, in percent")


class LakeDiffSerializer(shapes.Answer):
    """What turns one revision of an entry into another."""

    table = serializers.CharField()
    instrument = serializers.CharField()
    a = show.RevisionSerializer()
    b = show.RevisionSerializer()
    identical = serializers.BooleanField(help_text="byte for byte")
    complete = serializers.BooleanField(help_text="false: figures are of what was compared so far, see job and start")
    compared = DiffComparedSerializer()
    rows = DiffRowCountsSerializer()
    rowsDelta = serializers.IntegerField()
    schema = DiffSchemaSerializer()
    partitions = DiffPartitionsSerializer()
    values = DiffValuesSerializer()
    quality = DiffQualitySerializer()
    job = jobs.JobSerializer(allow_null=True, help_text="what compares the rest; null: complete, or not started")
    start = serializers.CharField(allow_null=True, help_text="where a POST starts the job; null: complete, or a job")


SPAN = OpenApiParameter(
    "span", str, OpenApiParameter.PATH, description="a...b, each the number of a revision or a time"
)
ANSWERS = {200: LakeDiffSerializer, 202: LakeDiffSerializer}


class Diff(LakeView):
    """Two revisions side by side."""

    @extend_schema(operation_id="lake_diff", parameters=[SPAN, *shapes.PAGING], responses=ANSWERS)
    def get(self, request: Request, table: str, instrument: str, span: str) -> Response:
        """Compare two revisions of an entry, reading only the files that they do not share.

        Counts, values and quality are of everything that was compared; the sessions that differ come in pages. A
        comparison of more rows than `compared.budget` is a job, which a POST starts: until then `start` says where. 202
        with the job and what it found so far while it runs, 200 at once with everything when it has succeeded, 409
        LAKE_DIFF_FAILED when it has failed, until it is retried.
        """
        return self._answer(request, self.entry(table, instrument), span, fulldiff.look)

    # Not `idempotency.once`: repeats join by the row itself, and a comparison made at once must not hold a transaction.
    @extend_schema(operation_id="lake_diff_start", parameters=[SPAN, *shapes.PAGING], request=None, responses=ANSWERS)
    def post(self, request: Request, table: str, instrument: str, span: str) -> Response:
        """Start the job that compares what is too much for one look, or join it.

        202 with the job; 200 with everything when there is a result, or when none is needed. 409 LAKE_DIFF_FAILED when
        it has failed: it is retried as a job.
        """
        return self._answer(request, self.entry(table, instrument), span, partial(fulldiff.start, self.actor))

    def _answer(self, request: Request, entry: LakeEntry, span: str, look: Callable[..., fulldiff.Look]) -> Response:
        limit, after = pagination.limit_of(request), _after(request.query_params.get("cursor", ""))
        a, b = diff.pair_of(entry, span)
        known = look(entry, a, b)
        known.check()
        path = f"/v1/lake/{entry.table}/{quote(entry.instrument, safe=':')}/diff/{a.number}...{b.number}"
        told = {
            "table": entry.table,
            "instrument": entry.instrument,
            "a": show.revision(a),
            "b": show.revision(b),
            "identical": a.digest == b.digest,
            "rowsDelta": b.rows - a.rows,
            **_found(entry, known.found, limit, after),
            "job": jobs.render(known.job) if known.job else None,
            "start": path if known.startable else None,
        }
        if known.job is None:
            return respond(request, told)
        return respond(request, told, 202, {"Location": f"/v1/jobs/{known.job.ref}"})


def _found(entry: LakeEntry, found: dict[str, Any], limit: int, after: int | None) -> dict[str, Any]:
    quality, judged = diff.quality_of(entry, found)
    listed = [each for each in found["sessions"] if after is None or each["day"] > after]
    counts = {sign: sum(each["change"] == sign for each in found["sessions"]) for sign in "+-~"}
    return {
        **diff.header_of(found),
        "schema": diff.schema_of(entry, found),
        "partitions": {
            "added": counts["+"],
            "removed": counts["-"],
            "changed": counts["~"],
            "items": [_session(each, judged.get(each["day"])) for each in listed[:limit]],
            "nextCursor": str(dates.to_date(listed[limit - 1]["day"])) if len(listed) > limit else None,
        },
        "values": {
            "columns": [_column(each) for each in found["columns"]],
            "distributions": diff.distributions_of(entry, found),
            "rows": [_row(each) for each in found["rows"]],
        },
        "quality": quality,
    }


def _after(cursor: str) -> int | None:
    """Return the session that the page before ended with."""
    if not cursor:
        return None
    try:
        return dates.to_day(dates.date.fromisoformat(cursor))
    except ValueError as error:
        raise BadRequest("this cursor is not one of this list", {"fields": {"cursor": [cursor[:40]]}}) from error


def _session(each: dict[str, Any], judged: LakePartition | None) -> dict[str, Any]:
    counts = {name: each[name] for name in ("change", "added", "removed", "changed", "moved")}
    return {
        "session": dates.to_date(each["day"]),
        **counts,
        "partlyRead": each["partial"],
        "rowsA": each["before"],
        "rowsB": each["after"],
        "expected": judged.expected if judged else None,
        "status": judged.verdict if judged else None,  # type: ignore[attr-defined]
        "code": judged.code if judged else None,
    }


def _column(each: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in each.items() if not name.endswith("Ns")}
    at = {f"{name}At": each.get(f"{name}Ns") for name in ("maxAbs", "maxRel")}
    return told | {name: None if ns is None else time_text(ns) for name, ns in at.items()}


def _row(each: dict[str, Any]) -> dict[str, Any]:
    told = {name: each[name] for name in ("change", "key", "old", "new", "columns")}
    return {"time": time_text(each["ns"]), "session": dates.to_date(each["day"]), **told}
