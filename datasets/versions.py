"""Open a version, seal it once, find the one an action means.

A reference is `ds_…` (the newest version in a legal state), `ds_…@7`, `ds_…@published`, or `dsv_…`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from datasets import lifecycle
from datasets.market import kinds
from datasets.models import Dataset, DatasetVersion, LakeQuarantine, Status, VersionFile
from datasets.storage import blobs, layout
from tradenexus import db, ids
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest, Conflict, NotFound
from tradenexus.events import outbox

# what of a version's params says how its file is to be read
READING = (
    *("columnMapping", "kind", "timezone", "timestampUnit", "dateOrder", "sideRule", "symbol", "venue"),
    *("calendar", "interval"),
)


class AlreadySealed(Conflict):
    """The version's content is sealed and cannot be written again. A change makes a new version."""

    code = "VERSION_SEALED"


@dataclass(frozen=True, slots=True)
class SealedFile:
    """One canonical file in storage; `t0_ns` and `t1_ns` are the first and last row's time."""

    instrument: str
    venue: str
    interval: str
    key: str
    rows: int
    size_bytes: int
    sha256: str
    t0_ns: int
    t1_ns: int


def store(version: DatasetVersion, number: int, file: Mapping[str, Any]) -> SealedFile:
    """Put a canonical file that a child wrote into storage and return its row; before the transaction that seals it.

    file: {path, instrument, venue, interval, rows, sha256, t0Ns, t1Ns}. A crash afterwards leaves an orphan, no row.
    """
    key = layout.canonical(version.tenant_id, version.dataset_id, version.id, number, file["sha256"])
    blob = blobs.put_file(key, file["path"], file["sha256"])
    return SealedFile(
        instrument=file["instrument"],
        venue=file.get("venue") or "",
        interval=file.get("interval") or "",
        key=blob.key,
        rows=file["rows"],
        size_bytes=blob.size_bytes,
        sha256=file["sha256"],
        t0_ns=file["t0Ns"],
        t1_ns=file["t1Ns"],
    )


def open_upload(
    actor: Actor, *, name: str, filename: str, content_type: str, dataset: Dataset | None = None, **fields: Any
) -> DatasetVersion:
    """Open a version for an upload, with a new dataset when none is given; inside `db.atomic()`.

    Its status is `uploading`. `fields` may give kind, venue, params, plan, size_bytes.
    """
    if dataset is None:
        dataset = Dataset.everyone.create(tenant_id=actor.tenant_id, owner_id=actor.user_id, name=name)
    return _open(actor, dataset, Status.UPLOADING, "upload", filename=filename, content_type=content_type, **fields)


def open_derived(actor: Actor, parent: DatasetVersion, operation: str, params: Mapping[str, Any]) -> DatasetVersion:
    """Open version n+1 of the parent's dataset in `transforming`; inside `db.atomic()`. The parent keeps its state."""
    return _open(
        actor,
        parent.dataset,
        Status.TRANSFORMING,
        operation,
        parent=parent,
        params=dict(params),
        filename=parent.filename,
        venue=parent.venue,
    )


def open_held(actor: Actor, held: LakeQuarantine, name: str, params: Mapping[str, Any]) -> DatasetVersion:
    """Open a version in `transforming` for refused rows of the lake that are to be fixed; inside `db.atomic()`.

    It is the next one of the dataset that earlier fixes of these rows made, or the first of a new one called `name`.
    """
    earlier = DatasetVersion.of(actor.tenant_id).filter(quarantine=held).select_related("dataset").first()
    dataset = earlier.dataset if earlier else None
    if dataset is None:
        dataset = Dataset.everyone.create(
            tenant_id=actor.tenant_id, owner_id=actor.user_id, name=name[:255], vendor=held.vendor
        )
    venue, _, _ = held.entry.instrument.partition(":")
    return _open(actor, dataset, Status.TRANSFORMING, "fix", quarantine=held, params=dict(params), venue=venue)


def _open(actor: Actor, dataset: Dataset, status: str, operation: str, **fields: Any) -> DatasetVersion:
    number = lifecycle.bump(dataset)
    version = DatasetVersion.everyone.create(
        tenant_id=actor.tenant_id,
        dataset=dataset,
        number=number,
        status=status,
        operation=operation,
        created_by_id=actor.user_id,
        **fields,
    )
    Dataset.everyone.filter(id=dataset.id, version=number).update(status=status)
    told = {"dataset": dataset.ref, "version": number, "operation": operation}
    outbox.record(actor, "version.opened", version.ref, new=status, details=told, data=told)
    return version


def receive(version: DatasetVersion, *, raw_key: str, sha256: str, size_bytes: int) -> None:
    """Note the raw file of an uploaded version; inside the transaction that advances it to `uploaded`."""
    DatasetVersion.everyone.filter(id=version.id, status=Status.UPLOADING).update(
        raw_key=raw_key, sha256=sha256, size_bytes=size_bytes, updated_at=db.now()
    )
    version.raw_key, version.sha256, version.size_bytes = raw_key, sha256, size_bytes


def seal(version: DatasetVersion, files: Iterable[SealedFile], **facts: Any) -> None:
    """Write a version's content once: its files, rows, range, symbols and digest; AlreadySealed the second time.

    `facts` are further columns (kind, interval, plan, grade, score). Inside `db.atomic()`, before `lifecycle.advance`.
    """
    listed = sorted(files, key=lambda file: (file.instrument, file.interval, file.t0_ns))
    digest = content_digest(listed)
    symbols = sorted({file.instrument for file in listed})
    facts |= {
        "row_count": sum(file.rows for file in listed),
        "start_ns": min((file.t0_ns for file in listed), default=None),
        "end_ns": max((file.t1_ns for file in listed), default=None),
        "symbols": symbols,
        "content_digest": digest,
        "sealed_at": db.now(),
    }
    if not version.sha256:  # a derived version: its bytes are its canonical files
        facts |= {"sha256": digest, "size_bytes": sum(file.size_bytes for file in listed)}
    if not DatasetVersion.everyone.filter(id=version.id, sealed_at=None).update(**facts):
        raise AlreadySealed(f"version {version.number} is already sealed", {"versionId": version.ref})
    for name, value in facts.items():
        setattr(version, name, value)
    VersionFile.objects.bulk_create(
        VersionFile(version=version, number=number, **{name: getattr(file, name) for name in SealedFile.__slots__})
        for number, file in enumerate(listed)
    )
    Dataset.everyone.filter(id=version.dataset_id, version=version.number).update(
        kind=version.kind,
        resolution=kinds.resolution(version.kind, version.interval),
        symbols_text="|" + "|".join(symbols) + "|",
    )


def content_digest(files: Iterable[SealedFile]) -> str:
    """Return the digest of a version's content: SHA-256 over its files' names, rows and digests, in order."""
    listed = [[file.instrument, file.venue, file.interval, file.rows, file.sha256] for file in files]
    return hashlib.sha256(json.dumps(listed, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def resolve(tenant_id: UUID, ref: str, states: frozenset[str] | None = None) -> DatasetVersion:
    """Return the version a reference means; NotFound for unknown ones, StateConflict when it is in no legal state."""
    name, _, wanted = ref.partition("@")
    if name.startswith("dsv_"):
        return _legal(_row(DatasetVersion, tenant_id, name), states)
    dataset = _row(Dataset, tenant_id, name)
    return of_dataset(dataset, wanted, states)


def of_dataset(dataset: Dataset, wanted: str | int | None, states: frozenset[str] | None = None) -> DatasetVersion:
    """Return the version `wanted` (a number, `published`, or nothing = the newest in a legal state)."""
    if wanted in (None, "", "latest"):
        found = lifecycle.newest(dataset, states)
        return found or _legal(lifecycle.newest(dataset) or _missing(dataset, 1), states)
    if wanted == "published":
        found = lifecycle.newest(dataset, frozenset({Status.PUBLISHED}))
        return _legal(found or _missing(dataset, "published"), states)
    text = str(wanted)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:10]) <= 2_147_483_647):
        raise BadRequest("version must be a number from 1", {"fields": {"version": [text[:32]]}})
    found = DatasetVersion.of(dataset.tenant_id).filter(dataset=dataset, number=int(text)).first()
    return _legal(found or _missing(dataset, text), states)


def judged(dataset: Dataset) -> DatasetVersion:
    """Return the newest version that has a quality report; when none has, the newest."""
    found = DatasetVersion.of(dataset.tenant_id).filter(dataset=dataset, report__isnull=False)
    return found.order_by("-number").first() or of_dataset(dataset, None)


def _legal(version: DatasetVersion, states: frozenset[str] | None) -> DatasetVersion:
    if states is not None and version.status not in states:
        raise lifecycle.conflict(version, list(states), "be used for this")
    return version


def _row(model: type[Any], tenant_id: UUID, ref: str) -> Any:
    try:
        row = model.of(tenant_id).filter(id=ids.decode(model.prefix, ref)).first()
    except ValueError:
        row = None
    if row is None:
        raise NotFound(f"no {model._meta.verbose_name} with id {ref[:64]!r} in this workspace")
    return row


def _missing(dataset: Dataset, wanted: Any) -> Any:
    raise NotFound(f"dataset {dataset.ref} has no version {wanted}", {"datasetId": dataset.ref})
