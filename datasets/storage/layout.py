"""Key rules: every key and every local path is made of our own ids and fixed words, never of anything a client sent.

Keys (in the storage alias `data`):  raw/<tenant>/<dataset>/<version>            the uploaded bytes as they came
                                     versions/<tenant>/<dataset>/<version>/<n>-<digest>.parquet, rejects-<job>-<n>.jsonl
                                     lake/<tenant>/<2 hex>/<sha256>-<commit>.parquet, lake/<tenant>/held/<commit>/...
                                     snapshots/<tenant>/<snapshot>/returns_matrix-<matrix>-<digest>.parquet
                                     diffs/<tenant>/<diff>-<digest>.json    what a job found between two revisions
                                     features/<tenant>/<job>-<attempt>.json          what a build of a feature covered
Local:  uploads/<2 hex>/<upload>/data  below NEXUS_HOME: bytes on their way in (a job's scratch folder is the run's own)
        staging/<2 hex>/<upload>/<job>-<attempt>/  what was found of an upload while it came in
        snapshots/<snapshot>/<layout>/ a snapshot put down as files
"""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

from django.conf import settings

ZONES = ("raw", "versions", "lake", "snapshots", "features", "diffs")
_KEY = re.compile(r"[a-z0-9_-]+(?:[./][a-z0-9_-]+)*")


def raw(tenant_id: UUID, dataset_id: UUID, version_id: UUID) -> str:
    """Return the key of a version's uploaded bytes."""
    return f"raw/{tenant_id.hex}/{dataset_id.hex}/{version_id.hex}"


def version_prefix(tenant_id: UUID, dataset_id: UUID, version_id: UUID) -> str:
    """Return the folder of a version's canonical files (no trailing slash)."""
    return f"versions/{tenant_id.hex}/{dataset_id.hex}/{version_id.hex}"


def canonical(tenant_id: UUID, dataset_id: UUID, version_id: UUID, number: int, sha256: str) -> str:
    """Return the key of the n-th canonical Parquet file of a version (one instrument each).

    The digest is part of it: a second attempt that finds other bytes does not meet the first one's orphan.
    """
    if number < 0:
        raise ValueError("file numbers start at 0")
    return f"{version_prefix(tenant_id, dataset_id, version_id)}/{number:05d}-{sha256[:16]}.parquet"


def rejects(tenant_id: UUID, dataset_id: UUID, version_id: UUID, job_id: UUID, token: int) -> str:
    """Return the key of the rows that one attempt at a validation refused (JSON lines)."""
    return f"{version_prefix(tenant_id, dataset_id, version_id)}/rejects-{job_id.hex}-{token}.jsonl"


def segment(tenant_id: UUID, sha256: str, commit_id: UUID) -> str:
    """Return the key of a segment of the lake.

    The commit is part of it: what is being removed as garbage and what is being written anew never meet.
    """
    return f"lake/{tenant_id.hex}/{sha256[:2]}/{sha256}-{commit_id.hex[-12:]}.parquet"


def held(tenant_id: UUID, commit_id: UUID, sha256: str) -> str:
    """Return the key of rows that a commit refused."""
    return f"lake/{tenant_id.hex}/held/{commit_id.hex}/{sha256}.parquet"


def returns_matrix(tenant_id: UUID, snapshot_id: UUID, matrix_id: UUID, sha256: str) -> str:
    """Return the key of a returns matrix.

    The digest is part of it: an attempt that made other bytes does not meet the orphan of one before.
    """
    name = f"returns_matrix-{matrix_id.hex}-{sha256[:16]}.parquet"
    return f"snapshots/{tenant_id.hex}/{snapshot_id.hex}/{name}"


def coverage(tenant_id: UUID, job_id: UUID, token: int) -> str:
    """Return the key of what one attempt at building a feature covered (JSON)."""
    return f"features/{tenant_id.hex}/{job_id.hex}-{token}.json"


def diff(tenant_id: UUID, diff_id: UUID, sha256: str) -> str:
    """Return the key of what a job found between two revisions (JSON)."""
    return f"diffs/{tenant_id.hex}/{diff_id.hex}-{sha256[:16]}.json"


def manifest(tenant_id: UUID, dataset_id: UUID, version_id: UUID) -> str:
    """Return the key of a version's manifest."""
    return f"{version_prefix(tenant_id, dataset_id, version_id)}/manifest.json"


def checked(key: str) -> str:
    """Return the key; ValueError unless it is lower-case words, digits, `_`, `-` joined by single `/` or `.`."""
    if len(key) > 512 or _KEY.fullmatch(key) is None:
        raise ValueError(f"not a storage key: {key[:80]!r}")
    return key


def uploads_dir() -> Path:
    """Return the folder of bytes on their way in."""
    return Path(settings.NEXUS_HOME) / "uploads"


def upload_dir(upload_id: UUID) -> Path:
    """Return the folder of one upload; spread by the last byte of its id (the first ones are a clock)."""
    return uploads_dir() / upload_id.hex[-2:] / upload_id.hex


def staging_root() -> Path:
    """Return the folder of what is found of uploads while they come in."""
    return Path(settings.NEXUS_HOME) / "staging"


def staging_dir(upload_id: UUID) -> Path:
    """Return the folder of what is found of one upload while it comes in."""
    return staging_root() / upload_id.hex[-2:] / upload_id.hex


def snapshot_dir(snapshot_id: UUID) -> Path:
    """Return the folder of a snapshot's files, a layout each in it."""
    return Path(settings.NEXUS_HOME) / "snapshots" / snapshot_id.hex
