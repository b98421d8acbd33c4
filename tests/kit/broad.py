"""A workspace whose lists and lineage can be made as broad as wanted: rows alone, no bytes.

`Broad(owner)` makes a root version with its upload, a commit and a snapshot; `grow(to)` hangs more of everything on
them: entries, commits, features, quarantines and their fixes, snapshots, matrices, files, bundles, derived versions,
publications, backtests, datasets with uploads, jobs with their audit entries.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from datasets.lake import frozen
from datasets.models import (
    Dataset,
    DatasetVersion,
    ExportBundle,
    ExportFile,
    ExportPull,
    Instrument,
    LakeCommit,
    LakeEntry,
    LakeMember,
    LakePartition,
    LakeQuarantine,
    LakeRevision,
    LakeSegment,
    QualityReport,
    ReturnsMatrix,
    Snapshot,
    SnapshotMember,
    UploadSession,
    VersionFile,
)
from datasets.storage import manifests
from lona.models import Backtest, BacktestInput, Publication, Strategy
from tests.kit import factories
from tests.kit.people import Person
from tradenexus import db
from tradenexus.audit import chain
from tradenexus.jobs.models import Job

TABLE = "crypto_bars_1d"
FIRST_DAY = date(2020, 1, 1)
DIGEST = "0" * 64
SUMMARY = {"entries": 2, "changed": 2, "added": 1, "first": [{"entry": f"{TABLE}/X:S0", "revision": 2, "changed": 1}]}
COUNTS = dict.fromkeys(("entries", "partitions", "heldBack", "files", "rows", "sizeBytes"), 1)


class Broad:
    """The workspace of a person; `size` says how much of everything there is."""

    def __init__(self, owner: Person):
        self.owner, self.size = owner, 0
        self.own = {"tenant": owner.tenant}
        self.now = db.now()
        self.root = factories.version_in(owner, "ready", name="root", symbols=["A"], **_sealed(self.now))
        self._upload(self.root)
        self.commit = self._commit("main", source=self.root.ref)
        self.snapshot = self._snapshot("main", 1)
        self.strategy = Strategy.everyone.create(**self.own, name="s", lona_name="s", description="d")
        self.jobs: list[Job] = []
        self.entries: list[LakeEntry] = []

    @property
    def first(self) -> LakeEntry:
        """The entry with the longest history."""
        return self.entries[0]

    @property
    def bundle(self) -> ExportBundle:
        """The bundle with the most files and pulls."""
        return ExportBundle.of(self.owner.tenant.id).get(night=FIRST_DAY)

    @property
    def held(self) -> LakeQuarantine:
        """The refused session of which the most was made."""
        return LakeQuarantine.of(self.owner.tenant.id).get(sha256=f"{0:064}")

    def grow(self, to: int) -> None:
        """Make everything as many as `to`."""
        for number in range(self.size, to):
            self._entry(number)
            self._history(number)
            self._made(number)
            self._dataset(number)
            self._moved(number)
        self.size = to
        told = frozen.manifest(0, 1, frozen.entries_of(self.snapshot))
        Snapshot.everyone.filter(id=self.snapshot.id).update(entries=to, digest=manifests.digest(told))

    def _entry(self, number: int) -> None:
        name = f"X:S{number}"
        entry = LakeEntry.everyone.create(
            **self.own, table=TABLE, instrument=name, revision=2, rows=1, updated_at=self.now, grade="RED", red=3,
            sessions=4, fetched_at=self.now, expected_next=self.now - timedelta(days=1), vendor=f"v{number}",
        )  # fmt: skip
        self.entries.append(entry)
        Instrument.everyone.create(
            **self.own, name=name, venue="X", symbol=f"S{number}", type="spot", valid_from=self.now
        )
        self._revise(entry, 1, self.commit)
        segment = LakeSegment.everyone.create(
            **self.own, sha256=f"{number:064}", key=f"lake/{number}", table=TABLE, instrument=name, schema_version=1,
            span_start_ns=number, rows=1, size_bytes=1, t0_ns=number, t1_ns=number, commit=self.commit,
            created_at=self.now, verified_at=self.now,
        )  # fmt: skip
        SnapshotMember.objects.create(
            snapshot=self.snapshot, number=number, entry=entry, revision=1, segment=segment, grade="GREEN"
        )
        span = {"span_start_ns": number, "t0_ns": number, "t1_ns": number}
        LakeMember.objects.create(entry=self.first, segment=segment, from_revision=1, **span)

    def _history(self, number: int) -> None:
        """One commit more of the first entry, a session of it, refused rows, and the version that a fix made."""
        day = FIRST_DAY + timedelta(days=number)
        self._revise(self.first, number + 2, self._commit(f"c{number}", source=self.root.ref))
        verdict = {"entry": self.first, "session": day, "code": "TOXIC", "commit": self.commit}
        LakePartition.objects.create(**verdict, status="RED", codes=["TOXIC"])
        held = LakeQuarantine.everyone.create(
            **self.own, **verdict, key="k", sha256=f"{number:064}", rows=1, size_bytes=1, created_at=self.now
        )
        self._version(number + 100, operation="fix", quarantine=held, status="validated")
        self._version(number + 1_000, operation="fix", quarantine=self.held, status="validated")
        self._version(number + 10_000, operation="candles", parent=self.root, status="transforming")

    def _made(self, number: int) -> None:
        """What is made of the lake: a feature, a snapshot, a matrix, files, a bundle; and publications, backtests."""
        self._commit(f"feature:a:b:{self.first.ref}:1.0:{number}", operation="feature", source=self.first.ref)
        taken = self._snapshot(f"s{number}", 1)
        SnapshotMember.objects.create(snapshot=taken, number=0, entry=self.first, revision=1)
        ReturnsMatrix.everyone.create(
            **self.own,
            snapshot=self.snapshot,
            asked_digest=f"{number}",
            table=TABLE,
            state="ready",
            rules={"min_days": 1, "max_missing_pct": 1.0},
            created_at=self.now,
        )
        put = {"layout": "single", "folder": f"/nowhere/{number}", "manifestSha256": DIGEST, "bytes": 1, "files": 1}
        self._job("snapshot.materialise", self.snapshot.ref, {"layout": "single"}, put)
        night, job = FIRST_DAY + timedelta(days=number), self._job("export.build", "", {})
        row = ExportBundle.everyone.create(
            **self.own, night=night, state="ready", folder="f", manifest_sha256=DIGEST, summary={TABLE: COUNTS},
            job_ref=job.ref, created_at=self.now, built_at=self.now + timedelta(hours=2),
        )  # fmt: skip
        if number:
            ExportBundle.everyone.filter(id=row.id).update(base=self.bundle)
        ExportFile.objects.create(bundle=self.bundle, path=f"p{number}", sha256=DIGEST, size_bytes=1)
        ExportPull.everyone.create(
            **self.own, bundle=self.bundle, user=self.owner.user, day=night, first_at=self.now, last_at=self.now
        )
        published = Publication.everyone.create(
            **self.own, version=self.root, instrument=f"S{number}", frequency="1m", start_ns=0, end_ns=1,
            state="published", lona_symbol_id=f"l{number}", symbol_name=f"S{number}",
        )  # fmt: skip
        run = Backtest.everyone.create(**self.own, strategy=self.strategy, start_date=night, end_date=night)
        BacktestInput.objects.create(
            backtest=run, version=self.root, publication=published, instrument="A", start_ns=0, end_ns=1, place=0
        )

    def _dataset(self, number: int) -> None:
        version = factories.version_in(self.owner, "ready", name=f"d{number}", kind="bars", **_sealed(self.now))
        self._upload(version)
        QualityReport.everyone.create(**self.own, version=version, grade="GREEN", score=100, profile="strict", body={})
        VersionFile.objects.create(
            version=version, number=0, instrument="A", key="k", rows=1, size_bytes=1, sha256=DIGEST, t0_ns=0, t1_ns=1
        )

    def _moved(self, number: int) -> None:
        """Jobs that moved data, each with the audit entries of its beginning and its end."""
        of = DatasetVersion.of(self.owner.tenant.id).get(dataset__name=f"d{number}")
        held = LakeQuarantine.of(self.owner.tenant.id).get(sha256=f"{number:064}")
        bundle = ExportBundle.of(self.owner.tenant.id).get(night=FIRST_DAY + timedelta(days=number))
        matrix = ReturnsMatrix.of(self.owner.tenant.id).get(asked_digest=f"{number}")
        made = {"manifestSha256": DIGEST, "rows": 1, "files": 1, "bytes": 1, "sha256": DIGEST, "days": 1}
        asked: dict[str, dict[str, Any]] = {
            "dataset.ingest": {"uploadId": of.upload.ref},
            "dataset.validate": {"versionId": of.ref},
            "dataset.candles": {"versionIds": [of.ref]},
            "lake.promote": {"versionId": of.ref},
            "lake.release": {"quarantineId": held.ref},
            "features.build": {},
            "snapshot.materialise": {"snapshotId": self.snapshot.ref, "layout": "single"},
            "returns.build": {"matrixId": matrix.ref},
            "export.build": {"exportId": bundle.ref},
            "backfill.ingest": {},
            "lona.publish": {"publicationIds": [Publication.everyone.get(instrument=f"S{number}").ref]},
            "lona.backtest": {"backtestId": Backtest.everyone.get(start_date=bundle.night).ref},
        }
        for kind, params in asked.items():
            result = {"grade": "GREEN"} if kind == "dataset.validate" else made
            job = self._job(kind, of.ref, params, result)
            if kind in ("lake.promote", "features.build"):
                self._committed(number, kind, job)
            for old, new in (("queued", "running"), ("running", "succeeded")):
                with db.atomic():
                    chain.record(self.owner.actor, "job.state", job.ref, old=old, new=new, details={"attempt": 1})
        with db.atomic():
            chain.record(self.owner.actor, "snapshot.frozen", Snapshot.everyone.get(name=f"s{number}").ref)

    def _committed(self, number: int, kind: str, job: Job) -> None:
        feature = kind == "features.build"
        key = f"f:a:b:{self.entries[number].ref}:1.0" if feature else f"by:{number}"
        made = self._commit(f"{key}:{job.ref}", operation="feature" if feature else "promote", job_ref=job.ref)
        self._revise(self.entries[number], 100_000 + feature, made)

    def _job(self, kind: str, subject: str, params: dict[str, Any], result: dict[str, Any] | None = None) -> Job:
        until = {"started_at": self.now + timedelta(hours=1), "finished_at": self.now + timedelta(hours=1)}
        facts = {"kind": kind, "subject": subject, "params": params, "result": result, "state": "succeeded"}
        job = Job.everyone.create(**self.own, user=self.owner.user, run_at=self.now, **facts, **until)
        return job

    def _commit(self, key: str, operation: str = "promote", source: str = "", job_ref: str = "") -> LakeCommit:
        return LakeCommit.everyone.create(
            **self.own, key=key, operation=operation, source=source, job_ref=job_ref, summary=SUMMARY,
            created_by=self.owner.user, created_at=db.now(),
        )  # fmt: skip

    def _revise(self, entry: LakeEntry, number: int, commit: LakeCommit) -> None:
        LakeRevision.objects.create(
            entry=entry, number=number, commit=commit, digest=DIGEST, rows=1, changes={"added": 1}, created_at=self.now
        )

    def _snapshot(self, name: str, entries: int) -> Snapshot:
        return Snapshot.everyone.create(
            **self.own, name=name, asked_digest=name, tables=[TABLE], start_ns=0, end_ns=1, grade="AMBER",
            digest=DIGEST, entries=entries, segments=1, rows=1, size_bytes=1, created_by=self.owner.user,
            expires_at=self.now + timedelta(days=9), created_at=self.now,
        )  # fmt: skip

    def _version(self, number: int, **facts: Any) -> DatasetVersion:
        own = {"dataset_id": self.root.dataset_id, "number": number, "created_by": self.owner.user}
        return DatasetVersion.everyone.create(**self.own, **own, **facts)

    def _upload(self, version: DatasetVersion) -> UploadSession:
        return UploadSession.everyone.create(
            **self.own, dataset=Dataset.everyone.get(id=version.dataset_id), version=version, user=self.owner.user,
            state="finished", filename="a.csv", length=1, offset=1, expires_at=self.now + timedelta(days=1),
        )  # fmt: skip


def _sealed(now: Any) -> dict[str, Any]:
    return {"sealed_at": now, "content_digest": DIGEST, "row_count": 1, "start_ns": 0, "end_ns": 1, "raw_key": "k"}
