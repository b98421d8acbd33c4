"""/v1/snapshots: freeze entries of the lake for a run, prove them, put them down as files, keep them or let them go."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.api import returns
from datasets.lake import frozen
from datasets.models import Snapshot, SnapshotMember, SnapshotState
from datasets.reads import time_text
from datasets.snapshots import asking, fitness, folders, freeze, keeping, materialise, uses, verify
from tradenexus import db, ids
from tradenexus.jobs import api as jobs
from tradenexus.rest import idempotency, pagination, shapes
from tradenexus.rest.views import TenantView, respond


class SnapshotSerializer(serializers.Serializer):
    """A snapshot; times are ISO 8601 UTC, `rows` and `sizeBytes` those of whole segments."""

    id = serializers.CharField()
    name = serializers.CharField(help_text="the run's id")
    state = serializers.ChoiceField(SnapshotState.values)
    tables = serializers.ListField(child=serializers.CharField())
    start = serializers.CharField()
    end = serializers.CharField(help_text="not part of the range")
    maxStalenessSeconds = serializers.FloatField(allow_null=True)
    grade = serializers.ChoiceField(fitness.GRADES)
    digest = serializers.CharField(help_text="SHA-256 of the manifest's canonical JSON")
    entries = serializers.IntegerField()
    segments = serializers.IntegerField()
    rows = serializers.IntegerField()
    sizeBytes = serializers.IntegerField()
    pinned = serializers.BooleanField()
    expiresAt = serializers.DateTimeField(allow_null=True)
    verifiedAt = serializers.DateTimeField(allow_null=True)
    damaged = serializers.IntegerField(help_text="members that differed when it was last verified")
    createdBy = serializers.CharField(allow_null=True)
    createdAt = serializers.DateTimeField(help_text="the moment at which the lake was seen")
    web = serializers.CharField()


class SnapshotRequest(serializers.Serializer):
    """What a run needs: every instrument in every table, over [start, end)."""

    name = serializers.CharField(max_length=128, help_text="the run's id; it names one snapshot for good")
    instruments = serializers.ListField(
        child=serializers.CharField(max_length=97), min_length=1, max_length=freeze.MOST_MEMBERS
    )
    tables = serializers.ListField(child=serializers.CharField(max_length=48), min_length=1, max_length=50)
    start = serializers.CharField(max_length=40, help_text="a date, or ISO 8601 with an offset")
    end = serializers.CharField(max_length=40, help_text="likewise; not part of the range")
    maxStalenessSeconds = serializers.FloatField(min_value=0, required=False, allow_null=True)
    grade = serializers.ChoiceField(fitness.GRADES, default="AMBER", help_text="the least each session must have")
    allowShort = serializers.BooleanField(default=False, help_text="let members pass that do not cover the range")
    expiresAt = serializers.DateTimeField(required=False, help_text="default: NEXUS_SNAPSHOT_KEPT_S from now")


class SegmentSerializer(serializers.Serializer):
    """One immutable file of the lake."""

    id = serializers.CharField()
    sha256 = serializers.CharField()
    rows = serializers.IntegerField()
    sizeBytes = serializers.IntegerField()
    first = serializers.CharField()
    last = serializers.CharField()


class MemberSerializer(serializers.Serializer):
    """One segment of a snapshot; `segment` is null for a table of events without a row in the range."""

    number = serializers.IntegerField()
    table = serializers.CharField()
    instrument = serializers.CharField()
    revision = serializers.IntegerField()
    grade = serializers.CharField(allow_blank=True)
    fetchedAt = serializers.DateTimeField(allow_null=True)
    segment = SegmentSerializer(allow_null=True)


class MaterialiseRequest(serializers.Serializer):
    """How it is put down, and where."""

    layout = serializers.ChoiceField(folders.LAYOUTS, default=folders.SINGLE)
    folder = serializers.CharField(
        max_length=800, required=False, allow_blank=True, default="",
        help_text="relative to NEXUS_RUNS_ROOT/<workspace>; empty: the platform's own",
    )  # fmt: skip


class ReasonRequest(serializers.Serializer):
    """Why."""

    reason = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")


ANSWER = shapes.answer_of("SnapshotAnswer", snapshot=SnapshotSerializer())
STARTED = shapes.answer_of("SnapshotStarted", snapshot=SnapshotSerializer(), job=jobs.JobSerializer())


class SnapshotUseSerializer(serializers.Serializer):
    """One thing that was made of a snapshot."""

    kind = serializers.ChoiceField([uses.MATRIX, uses.FILES])
    id = serializers.CharField(help_text="of the matrix, or of the job that put the files down")
    label = serializers.CharField()  # type: ignore[assignment]
    state = serializers.ChoiceField(["building", "ready", "failed", "gone"])
    jobId = serializers.CharField(allow_null=True)
    createdAt = serializers.DateTimeField()


DETAIL = shapes.answer_of(
    "SnapshotDetailAnswer", snapshot=SnapshotSerializer(), usedBy=SnapshotUseSerializer(many=True)
)
MANIFEST = shapes.answer_of(
    "SnapshotManifest", digest=serializers.CharField(), manifest=serializers.DictField(child=serializers.JSONField())
)


def render(snapshot: Snapshot) -> dict[str, Any]:
    """Return a snapshot as the API shows it."""
    return {
        "id": snapshot.ref,
        "name": snapshot.name,
        "state": snapshot.state,
        "tables": snapshot.tables,
        "start": time_text(snapshot.start_ns),
        "end": time_text(snapshot.end_ns),
        "maxStalenessSeconds": snapshot.max_staleness_s,
        "grade": snapshot.grade,
        "digest": snapshot.digest,
        "entries": snapshot.entries,
        "segments": snapshot.segments,
        "rows": snapshot.rows,
        "sizeBytes": snapshot.size_bytes,
        "pinned": snapshot.pinned,
        "expiresAt": None if snapshot.pinned else snapshot.expires_at,
        "verifiedAt": snapshot.verified_at,
        "damaged": snapshot.damaged,
        "createdBy": ids.encode("usr", snapshot.created_by_id) if snapshot.created_by_id else None,
        "createdAt": snapshot.created_at,
        "web": f"/lakehouse/snapshots/{snapshot.ref}/",
    }


def render_member(member: SnapshotMember) -> dict[str, Any]:
    """Return a member as the API shows it."""
    segment = member.segment
    return {
        "number": member.number,
        "table": member.entry.table,
        "instrument": member.entry.instrument,
        "revision": member.revision,
        "grade": member.grade,
        "fetchedAt": member.fetched_at,
        "segment": segment
        and {
            "id": segment.ref,
            "sha256": segment.sha256,
            "rows": segment.rows,
            "sizeBytes": segment.size_bytes,
            "first": time_text(segment.t0_ns),
            "last": time_text(segment.t1_ns),
        },
    }


class SnapshotList(TenantView):
    """Snapshots."""

    @extend_schema(
        operation_id="snapshots_list",
        parameters=[
            *shapes.PAGING,
            OpenApiParameter("name", str, description="exactly this run's id"),
            OpenApiParameter("state", str, enum=SnapshotState.values),
            OpenApiParameter("instrument", str, description="only those that hold it: VENUE:SYMBOL"),
            OpenApiParameter("asOf", str, description="only those that had been made by then; states are of today"),
        ],
        responses=shapes.page_of(SnapshotSerializer),
    )
    def get(self, request: Request) -> Response:
        """List snapshots, newest first."""
        rows = Snapshot.of(self.actor.tenant_id)
        asked = {name: request.query_params.get(name, "").replace("\0", "") for name in ("name", "state", "instrument")}
        if asked["name"]:
            rows = rows.filter(name=asked["name"])
        if asked["state"]:
            rows = rows.filter(state=asked["state"])
        if as_of := request.query_params.get("asOf", ""):
            rows = rows.filter(created_at__lte=asking.moment("asOf", as_of))
        if asked["instrument"]:
            held = SnapshotMember.objects.filter(entry__instrument=asked["instrument"])
            rows = rows.filter(id__in=held.filter(entry__tenant_id=self.actor.tenant_id).values("snapshot_id"))
        return pagination.page(request, rows, render)

    @extend_schema(operation_id="snapshots_create", request=SnapshotRequest, responses={201: ANSWER, 200: ANSWER})
    @idempotency.once
    def post(self, request: Request) -> Response:
        """Freeze members for a run, or name all that are unfit (409); the same run asking again gets its snapshot."""
        asked = self.parsed(SnapshotRequest)
        wanted = freeze.wanted(
            asked["name"],
            asked["instruments"],
            asked["tables"],
            asking.instant("start", asked["start"]),
            asking.instant("end", asked["end"]),
            max_staleness_s=asked.get("maxStalenessSeconds"),
            grade=asked["grade"],
            allow_short=asked["allowShort"],
        )
        snapshot, made = freeze.freeze(self.actor, wanted, asked.get("expiresAt"))
        place = {"Location": f"/v1/snapshots/{snapshot.ref}"}
        return respond(request, {"snapshot": render(snapshot)}, 201 if made else 200, place)


class SnapshotDetail(TenantView):
    """One snapshot."""

    @extend_schema(operation_id="snapshots_get", responses=DETAIL)
    def get(self, request: Request, ref: str) -> Response:
        """Return a snapshot and what uses it: matrices of returns, and folders of its files."""
        snapshot = self.find(Snapshot, ref)
        return respond(request, {"snapshot": render(snapshot), "usedBy": uses.of(snapshot)})

    @extend_schema(operation_id="snapshots_expire", request=None, responses={200: ANSWER})
    def delete(self, request: Request, ref: str) -> Response:
        """Let it expire now: its segments go free and its files go; name and digest are kept. 409 when pinned."""
        snapshot = self.find(Snapshot, ref)
        with db.atomic():
            snapshot = keeping.expire(self.actor, snapshot, "asked for")
        return respond(request, {"snapshot": render(snapshot)})


class Members(TenantView):
    """What a snapshot holds."""

    @extend_schema(
        operation_id="snapshots_members", parameters=shapes.PAGING, responses=shapes.page_of(MemberSerializer)
    )
    def get(self, request: Request, ref: str) -> Response:
        """List the members by table, instrument and time, each with its checksum."""
        snapshot = frozen.standing(self.find(Snapshot, ref))
        rows = SnapshotMember.objects.filter(snapshot=snapshot).select_related("entry", "segment")
        return pagination.page(request, rows, render_member, order=("number",))


class Manifest(TenantView):
    """A snapshot's manifest."""

    @extend_schema(operation_id="snapshots_manifest", responses=MANIFEST)
    def get(self, request: Request, ref: str) -> Response:
        """Return the whole manifest, compared with the snapshot's digest."""
        snapshot = self.find(Snapshot, ref)
        return respond(request, {"digest": snapshot.digest, "manifest": frozen.manifest_of(snapshot)})


class Verify(TenantView):
    """Reading a snapshot again."""

    @extend_schema(operation_id="snapshots_verify", request=None, responses={202: STARTED})
    @idempotency.once
    def post(self, request: Request, ref: str) -> Response:
        """Compare every member's bytes with its digest, as a job."""
        snapshot = self.find(Snapshot, ref)
        return started(request, snapshot, verify.request(self.actor, snapshot))


class Materialise(TenantView):
    """A snapshot as files."""

    @extend_schema(operation_id="snapshots_materialise", request=MaterialiseRequest, responses={202: STARTED})
    @idempotency.once
    def post(self, request: Request, ref: str) -> Response:
        """Put it down in a folder of the server, as a job; the job's result says where."""
        asked = self.parsed(MaterialiseRequest)
        snapshot = self.find(Snapshot, ref)
        return started(request, snapshot, materialise.request(self.actor, snapshot, asked["layout"], asked["folder"]))


class Pin(TenantView):
    """Keeping a snapshot for good."""

    pinned = True

    @extend_schema(operation_id="snapshots_pin", request=ReasonRequest, responses={200: ANSWER})
    @idempotency.once
    def post(self, request: Request, ref: str) -> Response:
        """Keep it: a pinned snapshot does not expire."""
        asked = self.parsed(ReasonRequest)
        snapshot = keeping.pin(self.actor, self.find(Snapshot, ref), self.pinned, asked["reason"])
        return respond(request, {"snapshot": render(snapshot)})


class Unpin(Pin):
    """Letting a snapshot expire on its day again."""

    pinned = False

    @extend_schema(operation_id="snapshots_unpin", request=ReasonRequest, responses={200: ANSWER})
    def post(self, request: Request, ref: str) -> Response:
        """Let it expire on its day."""
        return super().post(request, ref)


def started(request: Request, snapshot: Snapshot, job: Any) -> Response:
    """Return the 202 of a job about a snapshot."""
    payload = {"snapshot": render(snapshot), "job": jobs.render(job)}
    return respond(request, payload, 202, {"Location": f"/v1/jobs/{job.ref}"})


ROUTES = [
    path("v1/snapshots", SnapshotList.as_view()),
    path("v1/snapshots/<str:ref>/members", Members.as_view()),
    path("v1/snapshots/<str:ref>/manifest", Manifest.as_view()),
    path("v1/snapshots/<str:ref>/returns-matrix", returns.MatrixList.as_view()),
    path("v1/snapshots/<str:ref>/returns-matrix/<str:matrix>", returns.MatrixDetail.as_view()),
    path("v1/snapshots/<str:ref>/returns-matrix/<str:matrix>/download", returns.MatrixDownload.as_view()),
    path("v1/snapshots/<str:ref>:verify", Verify.as_view()),
    path("v1/snapshots/<str:ref>:materialise", Materialise.as_view()),
    path("v1/snapshots/<str:ref>:pin", Pin.as_view()),
    path("v1/snapshots/<str:ref>:unpin", Unpin.as_view()),
    path("v1/snapshots/<str:ref>", SnapshotDetail.as_view()),
]
