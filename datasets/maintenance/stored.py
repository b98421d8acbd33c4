"""What the rows say is stored, and which stored keys a row names: the two sides that fsck compares.

A key is made of ids, so its row is found through an index. Keys of a form that nobody here makes are nobody's to
judge: they are told of, and never removed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model

from datasets.models import (
    DatasetVersion,
    FeatureCoverage,
    LakeDiff,
    LakeQuarantine,
    LakeSegment,
    QualityReport,
    ReturnsMatrix,
    VersionFile,
)
from datasets.storage import blobs, layout
from tradenexus.errors import ProblemError
from tradenexus.ids import encode

_HEX = "([0-9a-f]{32})"
_FORMS = {
    "raw": re.compile(rf"raw/{_HEX}/{_HEX}/{_HEX}"),
    "version": re.compile(
        rf"versions/{_HEX}/{_HEX}/{_HEX}/(?:\d{{5}}-[0-9a-f]{{16}}\.parquet|rejects-[0-9a-f]+-\d+\.jsonl)"
    ),
    "segment": re.compile(rf"lake/{_HEX}/[0-9a-f]{{2}}/([0-9a-f]{{64}})-[0-9a-f]{{12}}\.parquet"),
    "held": re.compile(rf"lake/{_HEX}/held/{_HEX}/[0-9a-f]{{64}}\.parquet"),
    "diff": re.compile(rf"diffs/{_HEX}/{_HEX}-[0-9a-f]{{16}}\.json"),
    "matrix": re.compile(rf"snapshots/{_HEX}/{_HEX}/returns_matrix-{_HEX}-[0-9a-f]{{16}}\.parquet"),
    "coverage": re.compile(rf"features/{_HEX}/{_HEX}-\d+\.json"),
    "half": re.compile(
        r"(?:raw|versions|lake|snapshots|features|diffs)/(?:[0-9a-z]+/)*tmp-[0-9a-f]{32}"
    ),  # a put that was cut short
}


@dataclass(frozen=True, slots=True)
class Named:
    """A file that a row names: whose row, and the blob. Rows of refused lines know no digest and no size."""

    subject: str
    blob: blobs.Blob


@dataclass(frozen=True, slots=True)
class Form:
    """What a key is of: one of _FORMS (half: a put cut short), or `` (nobody's)."""

    kind: str
    tenant: str = ""
    version_id: UUID | None = None


def form_of(key: str) -> Form:
    """Tell what a key's form says."""
    for kind, pattern in _FORMS.items():
        if match := pattern.fullmatch(key):
            groups = match.groups()
            version = UUID(hex=groups[2]) if kind in ("raw", "version") else None
            return Form(kind, groups[0] if groups else "", version)
    return Form("")


@dataclass(frozen=True, slots=True)
class Holder:
    """A table whose rows name stored files: its columns of key, size and digest (empty: not known)."""

    model: type[Model]
    key: str = "key"
    size: str = "size_bytes"
    sha256: str = "sha256"
    tenant: str = "tenant_id"
    subject: str = ""  # the row whose id people know; empty: itself
    written: str = "created_at"  # the file is not older

    def sql(self) -> str:
        """Return the statement that lists (key, size or -1, digest or empty); plain SQL, for copies are asked too."""

        def column(name: str) -> str:
            field: Any = self.model._meta.get_field(name)
            return f'"{field.column}"'

        key, table = column(self.key), f'"{self.model._meta.db_table}"'
        size, digest = column(self.size) if self.size else "-1", column(self.sha256) if self.sha256 else "''"
        return f"SELECT {key}, {size}, {digest} FROM {table} WHERE {key} <> ''"  # noqa: S608 - names of our own models


HOLDERS = (
    Holder(DatasetVersion, key="raw_key"),
    Holder(VersionFile, tenant="version__tenant_id", subject="version"),
    Holder(QualityReport, key="rejects_key", size="", sha256=""),
    Holder(LakeSegment),
    Holder(LakeQuarantine),
    Holder(LakeDiff),
    Holder(ReturnsMatrix),
    Holder(FeatureCoverage),
)
# Those whose files are read again one by one: versions are read as a whole, and segments say for themselves when.
_BESIDE = tuple(
    holder for holder in HOLDERS if holder.sha256 and holder.model not in (DatasetVersion, VersionFile, LakeSegment)
)


def rows_of(tenant_id: UUID) -> Iterator[Named]:
    """Yield every file that a row of a workspace names; jobs in flight may add some while this runs."""
    for holder in HOLDERS:
        rows = holder.model._base_manager.filter(**{holder.tenant: tenant_id}).exclude(**{holder.key: ""})
        for row in (rows.select_related(holder.subject) if holder.subject else rows).iterator(2000):
            known: Any = getattr(row, holder.subject) if holder.subject else row
            size = getattr(row, holder.size) if holder.size else -1
            digest = getattr(row, holder.sha256) if holder.sha256 else ""
            yield Named(known.ref, blobs.Blob(getattr(row, holder.key), size, digest))


def beside(tenant_id: UUID) -> dict[str, tuple[datetime, Named]]:
    """Return by key the files of a workspace that are neither a version's nor a segment, with the age of their rows.

    Files of which no digest is known (refused lines) are not among them.
    """
    found: dict[str, tuple[datetime, Named]] = {}
    for holder in _BESIDE:
        model: Any = holder.model
        rows = model._base_manager.filter(**{holder.tenant: tenant_id}).exclude(**{holder.key: ""})
        columns = rows.values_list("pk", holder.written, holder.key, holder.size, holder.sha256)
        for pk, at, *blob in columns.iterator(2000):
            found[blob[0]] = (at, Named(encode(model.prefix, pk), blobs.Blob(*blob)))
    return found


def blobs_of(version: DatasetVersion) -> list[blobs.Blob]:
    """Return what is stored of a version: its raw file and its canonical files."""
    raw = [blobs.Blob(version.raw_key, version.size_bytes, version.sha256)] if version.raw_key else []
    files = VersionFile.objects.filter(version=version).order_by("number")
    return raw + [blobs.Blob(file.key, file.size_bytes, file.sha256) for file in files]


def named(keys: Iterable[str]) -> set[str]:
    """Return those of the keys that a row names, of whatever workspace; asked at this moment."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        by_kind[form_of(key).kind].append(key)
    found: set[str] = set()
    for kind, given in by_kind.items():
        if kind in _ASK:
            found |= _ASK[kind](given) & set(given)
    return found


def _raw(keys: list[str]) -> set[str]:
    return set(DatasetVersion.everyone.filter(id__in=_versions(keys)).values_list("raw_key", flat=True))


def _version(keys: list[str]) -> set[str]:
    versions = _versions(keys)
    files = VersionFile.objects.filter(version_id__in=versions).values_list("key", flat=True)
    reports = QualityReport.everyone.filter(version_id__in=versions).values_list("rejects_key", flat=True)
    return {*files, *reports}


def _versions(keys: list[str]) -> set[UUID]:
    return {UUID(hex=key.split("/")[3]) for key in keys}


def _segment(keys: list[str]) -> set[str]:
    digests, tenants = set(), set()
    for key in keys:
        match = _FORMS["segment"].fullmatch(key)
        assert match
        tenants.add(UUID(hex=match[1]))
        digests.add(match[2])
    rows = LakeSegment.everyone.filter(tenant_id__in=tenants, sha256__in=digests)
    return set(rows.values_list("key", flat=True))


def _held(keys: list[str]) -> set[str]:
    commits = {UUID(hex=key.split("/")[3]) for key in keys}
    return set(LakeQuarantine.everyone.filter(commit_id__in=commits).values_list("key", flat=True))


def _diff(keys: list[str]) -> set[str]:
    found = {UUID(hex=key.split("/")[2][:32]) for key in keys}
    return set(LakeDiff.everyone.filter(id__in=found).values_list("key", flat=True))


def _matrix(keys: list[str]) -> set[str]:
    found = {UUID(hex=key.rpartition("/")[2].split("-")[1]) for key in keys}
    return set(ReturnsMatrix.everyone.filter(id__in=found).values_list("key", flat=True))


def _coverage(keys: list[str]) -> set[str]:
    jobs = {UUID(hex=key.split("/")[2][:32]) for key in keys}
    return set(FeatureCoverage.everyone.filter(job_id__in=jobs).values_list("key", flat=True))


_ASK: dict[str, Callable[[list[str]], set[str]]] = {
    "raw": _raw,
    "version": _version,
    "segment": _segment,
    "held": _held,
    "diff": _diff,
    "matrix": _matrix,
    "coverage": _coverage,
}


def fault_of(blob: blobs.Blob, *, deep: bool, on_block: Callable[[bytes], None] | None = None) -> str:
    """Return what is wrong with a stored file in a few words, nothing when it is as it was written.

    Not deep: only that it is there with its size. A size of -1 and an empty digest are not compared.
    """
    try:
        if not blobs.exists(blob.key):
            return "missing"
        size = blobs.size_bytes(blob.key)
        if blob.size_bytes >= 0 and size != blob.size_bytes:
            return f"has {size} bytes in the place of {blob.size_bytes}"
        if not deep or not blob.sha256:
            return ""
        with blobs.open_blob(blob.key) as handle:
            same = blobs.digest_stream(handle, on_block) == blob.sha256
        return "" if same else "has other bytes (SHA-256 differs)"
    except (OSError, ProblemError) as error:
        if isinstance(error, ProblemError) and error.status == 503:
            raise  # the storage as a whole does not answer: that says nothing of this file
        return f"cannot be read: {getattr(error, 'strerror', None) or type(error).__name__}"


def zones_of(tenant_id: UUID) -> list[str]:
    """Return the key prefixes of a workspace."""
    return [f"{zone}/{tenant_id.hex}" for zone in layout.ZONES]
