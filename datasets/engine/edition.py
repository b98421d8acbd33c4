"""Which edition of the program reads files: what was found by one edition is not what another one finds."""

from __future__ import annotations

import hashlib
import platform
from importlib import metadata
from pathlib import Path

from datasets.engine.surroundings import ROOT

_PACKAGES = ("engine", "formats", "market", "quality")
_LIBRARIES = ("duckdb", "exchange_calendars", "numpy", "pandas", "pyarrow", "tzdata")


def edition() -> str:
    """Return the digest of the code that validates, as it lies on the disk for the next child, and its libraries."""
    digest = hashlib.sha256(platform.python_version().encode())
    for name in _LIBRARIES:
        digest.update(f"\0{name} {_version(name)}".encode())
    for path in _sources():
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _sources() -> list[Path]:
    return sorted(path for package in _PACKAGES for path in (ROOT / "datasets" / package).rglob("*.py"))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
