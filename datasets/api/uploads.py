"""/v1/datasets/uploads:init, …/uploads:complete, …/uploads:sniff, and the list of uploads. The bytes themselves go
through uploads.protocol."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.api import provisional
from datasets.api import shapes as show
from datasets.api.actions import started
from datasets.market.kinds import ASSET_CLASSES
from datasets.models import Dataset, UploadSession
from datasets.models.upload import LIVE_STATES, UploadLeaf, UploadState
from datasets.uploads import ledger, peek, sessions
from datasets.uploads.wanted import KINDS, NewUpload
from tradenexus import ids
from tradenexus.errors import BadRequest
from tradenexus.jobs import api as jobs
from tradenexus.rest import pagination, shapes
from tradenexus.rest.idempotency import once
from tradenexus.rest.views import TenantView, respond

CHUNK = {"minBytes": 1, "maxBytes": 64 << 20}
_SHA256 = r"^[0-9a-fA-F]{64}$"
_FURTHER = ("dateOrder", "sideRule", "calendar", "profile", "then", "abortEarly")


class Reading(serializers.Serializer):
    """How the file is to be read, as far as the client knows."""

    kind = serializers.ChoiceField(KINDS, required=False)
    columnMapping = serializers.DictField(
        child=serializers.CharField(max_length=512, allow_blank=True, allow_null=True), required=False
    )
    symbol = serializers.CharField(required=False, max_length=128)
    venue = serializers.CharField(required=False, max_length=64)
    timezone = serializers.CharField(required=False, max_length=64)
    timestampUnit = serializers.ChoiceField(("s", "ms", "us", "ns"), required=False)
    dateOrder = serializers.ChoiceField(("dmy", "mdy"), required=False)
    sideRule = serializers.ChoiceField(("taker", "maker", "none"), required=False)


class Onward(serializers.Serializer):
    """What follows by itself once the bytes are in."""

    validate = serializers.BooleanField(  # type: ignore[assignment]
        required=False, help_text="validate when the upload is complete"
    )
    candles = serializers.CharField(required=False, max_length=8, help_text="then candles of this frequency, e.g. 1m")
    publish = serializers.ChoiceField(("off", "explicit"), required=False, help_text="noted for the upload's page")


class InitRequest(Reading):
    """A file announced."""

    calendar = serializers.CharField(required=False, max_length=32)
    profile = serializers.ChoiceField(("lenient", "standard", "strict"), required=False)
    then = Onward(required=False)
    abortEarly = serializers.BooleanField(
        required=False, help_text="cancel the upload when its first bytes show that the file cannot pass validation"
    )

    filename = serializers.CharField(max_length=255)
    contentType = serializers.CharField(max_length=255)
    sizeBytes = serializers.IntegerField(min_value=1, max_value=(1 << 63) - 1)
    name = serializers.CharField(required=False, max_length=255)
    datasetId = serializers.CharField(required=False, max_length=64)
    sha256 = serializers.RegexField(_SHA256, required=False)
    vendor = serializers.CharField(required=False, max_length=64, help_text="of the dataset: where it was got")
    assetClass = serializers.ChoiceField(ASSET_CLASSES, required=False, help_text="of the dataset: what is traded")


class ChunkSerializer(serializers.Serializer):
    """How many bytes one PATCH should carry."""

    minBytes = serializers.IntegerField()
    maxBytes = serializers.IntegerField()


class InitAnswer(shapes.Answer):
    """Where to send the bytes."""

    datasetId = serializers.CharField()
    versionId = serializers.CharField()
    uploadId = serializers.CharField()
    uploadUrl = serializers.CharField()
    status = serializers.CharField()
    expiresAt = serializers.DateTimeField()
    chunk = ChunkSerializer()
    duplicateOf = serializers.CharField(
        required=False, help_text="a version with the SHA-256 given; sending the bytes again is not needed"
    )


class Init(TenantView):
    """Announce a file."""

    @extend_schema(operation_id="uploads_init", request=InitRequest, responses={202: InitAnswer})
    @once
    def post(self, request: Request) -> Response:
        """Open a version and a tus resource to send its bytes to."""
        said = self.parsed(InitRequest)
        new = NewUpload(
            filename=said["filename"],
            content_type=said["contentType"],
            length=said["sizeBytes"],
            name=said.get("name", ""),
            dataset=said.get("datasetId", ""),
            kind=said.get("kind", ""),
            sha256=said.get("sha256", ""),
            column_mapping=said.get("columnMapping", {}),
            symbol=said.get("symbol", ""),
            venue=said.get("venue", ""),
            timezone=said.get("timezone", ""),
            timestamp_unit=said.get("timestampUnit", ""),
            vendor=said.get("vendor", ""),
            asset_class=said.get("assetClass", ""),
            further={name: said[name] for name in _FURTHER if said.get(name)},
        )
        twin = sessions.identical(self.actor, new.sha256)
        session = sessions.start(self.actor, new)
        payload = {
            "datasetId": session.target.dataset.ref,
            "versionId": session.target.ref,
            "uploadId": session.ref,
            "uploadUrl": request.build_absolute_uri(f"/v1/uploads/{session.ref}"),
            "status": session.target.status,
            "expiresAt": session.expires_at,
            "chunk": CHUNK,
        }
        return respond(request, payload | ({"duplicateOf": twin.ref} if twin else {}), 202)


class CompleteRequest(serializers.Serializer):
    """That all bytes were sent."""

    uploadToken = serializers.CharField(required=False, max_length=64, help_text="the uploadId; default the newest")
    sha256 = serializers.RegexField(_SHA256, required=False)


COMPLETED = shapes.answer_of(
    "UploadCompleted",
    dataset=show.DatasetSerializer(),
    job=jobs.JobSerializer(),
    versionId=serializers.CharField(),
    version=serializers.IntegerField(),
    duplicateOf=serializers.CharField(required=False, help_text="the version of the dataset that has the same bytes"),
)


class Complete(TenantView):
    """Hand a received file over."""

    @extend_schema(operation_id="uploads_complete", request=CompleteRequest, responses={202: COMPLETED})
    @once
    def post(self, request: Request, ref: str) -> Response:
        """Verify the bytes and make them the version's content; repeating it returns the same job."""
        said = self.parsed(CompleteRequest)
        dataset = self.find(Dataset, ref)
        token, sha256 = said.get("uploadToken", ""), said.get("sha256", "").lower()
        session, job = sessions.complete(self.actor, dataset, token, sha256)
        told: dict[str, Any] = {"versionId": session.target.ref, "version": session.target.number}
        if session.duplicate_of:
            told["duplicateOf"] = session.duplicate_of
        return started(request, session.target.dataset, job, told)


class SniffRequest(Reading):
    """The first (and last) bytes of a file, at most 1 MiB each, and what is known of it."""

    filename = serializers.CharField(max_length=255)
    sizeBytes = serializers.IntegerField(min_value=1)
    headBase64 = serializers.CharField(max_length=peek.MAX_BASE64)
    tailBase64 = serializers.CharField(required=False, allow_null=True, max_length=peek.MAX_BASE64)


class Sniff(TenantView):
    """Guess what a file is."""

    scopes = {"POST": "read"}

    @extend_schema(
        operation_id="uploads_sniff",
        request=SniffRequest,
        responses={200: shapes.answer_of("SniffAnswer", sniff=serializers.DictField())},
    )
    def post(self, request: Request) -> Response:
        """Say what the first bytes look like: format, columns, kind, mapping, and the questions that are open."""
        said = self.parsed(SniffRequest)
        return respond(request, {"sniff": peek.sniff(said)})


class UploadSerializer(serializers.Serializer):
    """An upload as it stands."""

    id = serializers.CharField()
    concat = serializers.ChoiceField(
        ("partial", "final"), allow_null=True, help_text="a part of a file, or what is put together of such parts"
    )
    finalId = serializers.CharField(allow_null=True, help_text="the final upload that took this partial one")
    datasetId = serializers.CharField(allow_null=True, help_text="null of a partial upload, as are the next two")
    versionId = serializers.CharField(allow_null=True)
    version = serializers.IntegerField(allow_null=True)
    filename = serializers.CharField()
    contentType = serializers.CharField()
    sizeBytes = serializers.IntegerField(allow_null=True, help_text="null while the client has not told it")
    offset = serializers.IntegerField(help_text="bytes that are durable")
    keptBytes = serializers.IntegerField(
        allow_null=True, help_text="where the offset goes once the damaged parts were sent again; null without any"
    )
    state = serializers.ChoiceField(UploadState.values)
    sha256 = serializers.CharField(allow_null=True)
    duplicateOf = serializers.CharField(allow_null=True)
    error = serializers.DictField(allow_null=True)
    jobId = serializers.CharField(allow_null=True)
    provisional = provisional.ProvisionalSerializer(
        allow_null=True, help_text="null before the first look, and always where none is taken"
    )
    uploadUrl = serializers.CharField()
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()
    expiresAt = serializers.DateTimeField()


def render(session: UploadSession, *, whole: bool = False) -> dict[str, Any]:
    """Return an upload as the API shows it; `whole` with every check of its provisional report."""
    return {
        "id": session.ref,
        "concat": (session.is_partial and "partial") or (session.is_final and "final") or None,
        "finalId": ids.encode(UploadSession.prefix, session.final_id) if session.final_id else None,
        "datasetId": session.dataset.ref if session.dataset else None,
        "versionId": session.version.ref if session.version else None,
        "version": session.version.number if session.version else None,
        "filename": session.filename,
        "contentType": session.content_type,
        "sizeBytes": session.length,
        "offset": session.offset,
        "keptBytes": session.kept_bytes,
        "state": session.state,
        "sha256": session.sha256 or session.declared_sha256 or None,
        "duplicateOf": session.duplicate_of or None,
        "error": session.error,
        "jobId": session.job_ref or None,
        "provisional": provisional.render(session, whole),
        "uploadUrl": f"/v1/uploads/{session.ref}",
        "createdAt": session.created_at,
        "updatedAt": session.updated_at,
        "expiresAt": session.expires_at,
    }


LISTED: dict[str, Any] = {
    "parameters": [OpenApiParameter("state", str, enum=["live", *UploadState.values]), *shapes.PAGING],
    "responses": {200: shapes.page_of(UploadSerializer)},
}


@extend_schema_view(get=extend_schema(operation_id="uploads_list", **LISTED))
class SessionList(TenantView):
    """The workspace's uploads."""

    def get(self, request: Request) -> Response:
        """List uploads, newest first; `state=live` are those not at an end."""
        rows = UploadSession.of(self.actor.tenant_id).select_related("dataset", "version", "provisional")
        state = request.query_params.get("state", "")
        if state == "live":
            rows = rows.filter(state__in=LIVE_STATES)
        elif state:
            if state not in UploadState.values:
                raise BadRequest(
                    "unknown state", {"fields": {"state": [f"one of live, {', '.join(UploadState.values)}"]}}
                )
            rows = rows.filter(state=state)
        return pagination.page(request, rows, render)


@extend_schema_view(get=extend_schema(operation_id="uploads_list_slash", **LISTED))
class SessionListSlash(SessionList):
    """The same under the address that tus clients create at."""


class SessionDetail(TenantView):
    """One upload."""

    @extend_schema(
        operation_id="uploads_show", responses={200: shapes.answer_of("UploadAnswer", upload=UploadSerializer())}
    )
    def get(self, request: Request, ref: str) -> Response:
        """Show an upload; its bytes are sent by tus to the same address."""
        return respond(request, {"upload": render(self.find(UploadSession, ref), whole=True)})


class PartSerializer(serializers.Serializer):
    """One 8 MiB part as it landed."""

    number = serializers.IntegerField()
    start = serializers.IntegerField(help_text="the offset of its first byte")
    sizeBytes = serializers.IntegerField()
    crc32c = serializers.IntegerField(help_text="CRC-32C of its bytes, as a number")
    damaged = serializers.BooleanField(help_text="our copy has another digest by now: send it again with PUT")


class OpenPartSerializer(serializers.Serializer):
    """The part that is not whole yet."""

    offset = serializers.IntegerField(help_text="where it starts")
    sizeBytes = serializers.IntegerField(help_text="how much of it is durable")
    crc32c = serializers.IntegerField()


class PartsQuery(serializers.Serializer):
    """Which parts."""

    damaged = serializers.BooleanField(required=False, default=False, help_text="only damaged parts")


PARTS = shapes.answer_of(
    "UploadParts",
    items=PartSerializer(many=True),
    nextCursor=serializers.CharField(allow_null=True),
    open=OpenPartSerializer(allow_null=True),
)


class Parts(TenantView):
    """The part ledger of an upload: what a client compares its file with before it goes on sending."""

    @extend_schema(
        operation_id="uploads_parts",
        parameters=[PartsQuery, *shapes.PAGING],
        responses={200: PARTS},
    )
    def get(self, request: Request, ref: str) -> Response:
        """List the digests of the received parts in order, and of the durable bytes after the last whole one."""
        session = self.find(UploadSession, ref)
        rows = UploadLeaf.objects.filter(session=session)
        if self.query(PartsQuery)["damaged"]:
            rows = rows.filter(damaged=True)
        answer = pagination.page(request, rows, _part, ("number",))
        begun = sessions.open_part(session)
        answer.data["open"] = begun and {"offset": begun.start, "sizeBytes": begun.size_bytes, "crc32c": begun.crc32c}
        return answer


def _part(leaf: UploadLeaf) -> dict[str, int]:
    return {
        "number": leaf.number,
        "start": leaf.number * ledger.LEAF_BYTES,
        "sizeBytes": leaf.size_bytes,
        "crc32c": leaf.crc32c,
        "damaged": leaf.damaged,
    }
