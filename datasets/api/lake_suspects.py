"""Suspected splits over the API: what witnesses say of each, and the verb that records one."""

from __future__ import annotations

from datetime import date
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import splits
from datasets.api.lake import LakeView
from datasets.lake import evidence, suspects
from datasets.models import LakeCommit
from tradenexus.errors import BadRequest
from tradenexus.jobs import api as jobs
from tradenexus.rest import idempotency, shapes
from tradenexus.rest.views import respond


class SplitWitnessSerializer(serializers.Serializer):
    """Who says what a suspected split was."""

    kind = serializers.ChoiceField([suspects.ACTION, suspects.REVIEWER, suspects.VENDOR])
    words = serializers.CharField()


class SplitEvidenceRowSerializer(serializers.Serializer):
    """One session of another vendor's series beside ours."""

    session = serializers.DateField()
    close = serializers.FloatField(help_text="the other vendor's last close")
    ours = serializers.FloatField()
    factor = serializers.FloatField(help_text="close over ours")
    digest = serializers.CharField(help_text="SHA-256 of the other vendor's rows of the session")
    oursDigest = serializers.CharField(allow_blank=True)


class SplitEvidenceSerializer(serializers.Serializer):
    """What another series of the instrument says of a suspected split."""

    vendor = serializers.CharField(allow_blank=True)
    kind = serializers.ChoiceField([evidence.REFUSED, evidence.ENTRY, evidence.DATASET])
    # named as the entity it is, not as a serializer's own source
    source = serializers.CharField(help_text="qrt_, lke_ or dsv_")  # type: ignore[assignment]
    name = serializers.CharField()
    revision = serializers.IntegerField(allow_null=True)
    digest = serializers.CharField(help_text="of the file or content that was read")
    fetchedAt = serializers.DateTimeField(allow_null=True)
    says = serializers.ChoiceField(
        [evidence.AGREES, evidence.CONTRADICTS, evidence.SILENT, evidence.DEPENDENT],
        help_text="dependent: it is no other vendor's, or our own rows over again",
    )
    ratio = serializers.FloatField(allow_null=True, help_text="new shares for one old that its closes name")
    words = serializers.CharField()
    rows = SplitEvidenceRowSerializer(many=True)


class KeptEvidenceSerializer(SplitEvidenceSerializer):
    """Evidence as it was when a split was recorded."""

    stands = serializers.BooleanField(help_text="false: it is gone, or does not say this of these rows now")


class RecordedSplitSerializer(serializers.Serializer):
    """What was recorded of a suspected split, by whom and on what."""

    commitId = serializers.CharField()
    jobId = serializers.CharField(allow_null=True)
    entry = serializers.CharField()
    entryRevision = serializers.IntegerField()
    session = serializers.DateField()
    step = serializers.FloatField(allow_null=True)
    ratio = serializers.FloatField()
    decision = serializers.ChoiceField([splits.CORROBORATED, splits.PERSON], help_text="on whose word")
    reason = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(list(suspects.STATES), help_text="where the suspect stood then")
    replaces = serializers.FloatField(allow_null=True, help_text="the split on record that it took the place of")
    inForce = serializers.BooleanField(help_text="false: another split of this date is on record now")
    evidenceDigest = serializers.CharField()
    evidence = KeptEvidenceSerializer(many=True)
    createdBy = serializers.CharField(allow_null=True)
    createdAt = serializers.DateTimeField()


class SplitSuspectSerializer(serializers.Serializer):
    """A session that opens as after a split."""

    session = serializers.DateField()
    step = serializers.FloatField(allow_null=True, help_text="its open over the close before")
    notes = serializers.CharField()
    settled = serializers.BooleanField(help_text="false: adjusted prices do not cross it")
    state = serializers.ChoiceField(list(suspects.STATES))
    ratio = serializers.FloatField(allow_null=True, help_text="on record, else what all independent series name")
    witnesses = SplitWitnessSerializer(many=True)
    evidence = SplitEvidenceSerializer(many=True)
    evidenceDigest = serializers.CharField(help_text="of all that a decision rests on; give it back with the decision")
    recorded = RecordedSplitSerializer(allow_null=True)


class RecordRequest(serializers.Serializer):
    """What is to be recorded; nothing is needed of a corroborated suspect."""

    ratio = serializers.FloatField(required=False, help_text="new shares for one old; then with a reason")
    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    evidence = serializers.CharField(
        required=False, allow_blank=True, max_length=64, help_text="evidenceDigest of what was looked at"
    )


RECORD_STARTED = shapes.answer_of(
    "SplitRecordStarted",
    suspect=SplitSuspectSerializer(),
    job=jobs.JobSerializer(allow_null=True, help_text="null: it is on record"),
)


def suspect(one: suspects.Suspect, done: LakeCommit | None) -> dict[str, Any]:
    """Return a suspected split, with what a commit recorded of it."""
    return {
        "session": one.session,
        "step": one.step,
        "notes": one.note,
        "settled": one.settled,
        "state": one.state,
        "ratio": one.ratio,
        "witnesses": one.witnesses,
        "evidence": [each.as_dict() for each in one.evidence],
        "evidenceDigest": one.digest,
        "recorded": splits.recorded(done, one) if done else None,
    }


class Suspects(LakeView):
    """Suspected splits of an entry."""

    @extend_schema(
        operation_id="lake_suspects",
        responses=shapes.answer_of("SuspectsAnswer", items=SplitSuspectSerializer(many=True)),
    )
    def get(self, request: Request, table: str, instrument: str) -> Response:
        """List the sessions that open as after a split, the newest first, with what witnesses say of each.

        One is settled by a split of that date in corporate_actions that fits the prices (`record` writes it), or by an
        override of the session. Until then adjusted rows, features and returns do not cross it.
        """
        entry = self.entry(table, instrument)
        done = splits.records(entry)
        items = [suspect(one, done.get(one.session)) for one in suspects.listed(entry)]
        return respond(request, {"items": items})


class Record(LakeView):
    """The split of a suspected session."""

    @extend_schema(
        operation_id="lake_suspects_record",
        request=RecordRequest,
        responses={200: RECORD_STARTED, 202: RECORD_STARTED},
    )
    @idempotency.once
    def post(self, request: Request, table: str, instrument: str, session: str) -> Response:
        """Write a suspected split to corporate_actions with what it is based on, as a job; audited.

        A corroborated one needs nothing more. What is contradicted (SPLIT_CONTRADICTED) or corroborated by nobody
        (SPLIT_UNCORROBORATED) needs a ratio and a reason. 200 when just this split is on record.
        """
        asked = self.parsed(RecordRequest)
        entry = self.entry(table, instrument)
        one, job = splits.request(self.actor, entry, _date(session), asked)
        told = {"suspect": suspect(one, splits.records(entry).get(one.session)), "job": job and jobs.render(job)}
        if job is None:
            return respond(request, told)
        return respond(request, told, 202, {"Location": f"/v1/jobs/{job.ref}"})


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadRequest("a session is a date such as 2024-11-29", {"fields": {"session": [text[:32]]}}) from error
