"""Bundles of the lake on this side: pulling one file by file, and checking one with nothing but its own manifest.

DIR holds a folder a night. A bundle comes into `.<night>.partial` in it: files whose SHA-256 another bundle has are
linked from there after their bytes were looked at, the others are fetched, resumed where they were cut. When all
are there the folder gets its name.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tradenexus.cli import downloads
from tradenexus.cli.failures import Failure

if TYPE_CHECKING:
    from tradenexus.cli.client import Client

MANIFEST = "manifest.json"
FORMAT = "nexus-bundle-1"
_PART = re.compile(r"[A-Za-z0-9^][A-Za-z0-9._~^-]*", re.ASCII)
Moved = Callable[[str, int, int], None]  # (path, bytes done, bytes in all)


@dataclass
class Outcome:
    """What a pull did: files and bytes that were fetched, and that were there already."""

    folder: Path
    fetched_files: int = 0
    fetched_bytes: int = 0
    kept_files: int = 0
    kept_bytes: int = 0


@dataclass
class Pull:
    """One bundle being pulled into `into`. `export` is what the API says of it."""

    client: Client
    export: dict[str, Any]
    into: Path
    moved: Moved = field(default=lambda path, done, total: None)

    def run(self, *, resume: bool = True, verify: bool = True) -> Outcome:
        """Pull, check and let it appear; a bundle that is there already is left as it is."""
        night = str(self.export["date"])
        target, partial = self.into / night, self.into / f".{night}.partial"
        _restore(target)
        outcome = Outcome(target)
        if _manifest_sha256(target) == self.export["manifestSha256"]:
            told = _read(target)
            outcome.kept_files, outcome.kept_bytes = len(told["files"]), told["totals"]["sizeBytes"]
        else:
            self._fill(partial, outcome, resume)
            _appear(partial, target)
        if verify and (faults := check(target)):
            raise _damaged(target, faults)
        return outcome

    def _fill(self, partial: Path, outcome: Outcome, resume: bool) -> None:
        if not resume:
            shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True, exist_ok=True)
        fresh = partial / f"{MANIFEST}.new"
        fresh.unlink(missing_ok=True)
        self._fetch(f"/v1/exports/{self.export['id']}/manifest", fresh, self.export["manifestSha256"], outcome)
        told = _understood(fresh)
        known = self._known(partial)
        wanted = {each["path"] for each in told["files"]}
        for each in told["files"]:
            self._one(partial, each, known, outcome)
        _drop_others(partial, wanted | {fresh.name})
        os.replace(fresh, partial / MANIFEST)

    def _known(self, partial: Path) -> dict[str, Path]:
        """Return what lies in DIR by SHA-256, as the manifests there say it."""
        found: dict[str, Path] = {}
        for manifest in sorted(self.into.glob(f"*/{MANIFEST}")):
            with suppress(Failure, OSError):
                for each in _understood(manifest)["files"]:
                    found[each["sha256"]] = manifest.parent / each["path"]
        return found

    def _one(self, partial: Path, each: dict[str, Any], known: dict[str, Path], outcome: Outcome) -> None:
        target, source = partial / each["path"], known.get(each["sha256"])
        if not _is(target, each):
            target.unlink(missing_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source is None or not _is(source, each):
                place = f"/v1/exports/{self.export['id']}/files/{quote(each['path'])}"
                self._fetch(place, target, each["sha256"], outcome)
                return
            _link(source, target)
        outcome.kept_files += 1
        outcome.kept_bytes += each["sizeBytes"]

    def _fetch(self, place: str, target: Path, sha256: str, outcome: Outcome) -> None:
        download = downloads.Download(
            self.client, place, {}, target, lambda done, total: self.moved(target.name, done, total)
        )
        if download.run() != sha256:
            target.unlink()
            raise Failure(
                "the bundle was built anew at the server while it was pulled",
                code="EXPORT_CHANGED",
                hint="run the same command again: what has not changed is not fetched again",
            )
        outcome.fetched_files += 1
        outcome.fetched_bytes += target.stat().st_size


def check(folder: Path) -> list[str]:
    """Return what is wrong with a bundle, in words, by its manifest alone; nothing when it is as it was built."""
    told = _understood(folder / MANIFEST)
    faults = [] if told.get("digest") == _digest(told) else [f"{MANIFEST}: does not have its own digest"]
    listed = {each["path"]: each for each in told["files"]}
    for path, each in listed.items():
        place = folder / path
        if not place.is_file():
            faults.append(f"{path}: missing")
        elif place.stat().st_size != each["sizeBytes"]:
            faults.append(f"{path}: {place.stat().st_size} bytes in the place of {each['sizeBytes']}")
        elif sha256_of(place) != each["sha256"]:
            faults.append(f"{path}: SHA-256 differs")
    there = {each.relative_to(folder).as_posix() for each in folder.rglob("*") if not each.is_dir()}
    return faults + [f"{path}: not in the manifest" for path in sorted(there - set(listed) - {MANIFEST})]


def verified(folder: Path) -> dict[str, Any]:
    """Check a bundle and return what it is; Failure BUNDLE_DAMAGED with all that is wrong."""
    if faults := check(folder):
        raise _damaged(folder, faults)
    told = _understood(folder / MANIFEST)
    return {
        "folder": str(folder),
        "night": told["night"],
        "manifestSha256": sha256_of(folder / MANIFEST),
        **{name: told["totals"][name] for name in ("files", "rows", "sizeBytes", "heldBack")},
        "verified": True,
    }


def sha256_of(path: Path) -> str:
    """Return the SHA-256 (hex) of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _damaged(folder: Path, faults: list[str]) -> Failure:
    shown = faults[:20] + ([f"and {len(faults) - 20} more"] if len(faults) > 20 else [])
    return Failure(
        f"{folder} is not the bundle that its manifest tells of: {len(faults)} fault{'s' * (len(faults) > 1)}",
        code="BUNDLE_DAMAGED",
        why="; ".join(shown),
        hint="remove the folder and pull it again: what is whole elsewhere in DIR is not fetched again",
        details={"faults": shown},
    )


def _understood(manifest: Path) -> dict[str, Any]:
    """Return a manifest whose paths stay in its folder; Failure for anything else."""
    try:
        told: dict[str, Any] = json.loads(manifest.read_bytes())
        right = told["format"] == FORMAT and all(_inside(each["path"]) for each in told["files"])
        right = right and all(isinstance(each["sizeBytes"], int) and each["sha256"] for each in told["files"])
        right = right and all(isinstance(told["totals"][name], int) for name in ("files", "rows", "sizeBytes"))
    except FileNotFoundError as error:
        raise Failure(f"{manifest.parent} holds no {MANIFEST}", code="NO_BUNDLE") from error
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(f"{manifest} cannot be understood", code="BUNDLE_DAMAGED", why=str(error)) from error
    if not right:
        raise Failure(f"{manifest} is not a manifest of ours", code="BUNDLE_DAMAGED")
    return told


def _read(folder: Path) -> dict[str, Any]:
    return _understood(folder / MANIFEST)


def _inside(path: Any) -> bool:
    parts = PurePosixPath(path).parts
    return "/".join(parts) == path and all(_PART.fullmatch(part) and not part.startswith(".") for part in parts)


def _digest(told: dict[str, Any]) -> str:
    plain = {name: value for name, value in told.items() if name != "digest"}
    sent = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(sent.encode()).hexdigest()


def _manifest_sha256(folder: Path) -> str:
    return sha256_of(folder / MANIFEST) if (folder / MANIFEST).is_file() else ""


def _is(place: Path, each: dict[str, Any]) -> bool:
    return place.is_file() and place.stat().st_size == each["sizeBytes"] and sha256_of(place) == each["sha256"]


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _drop_others(partial: Path, wanted: set[str]) -> None:
    for each in partial.rglob("*"):
        if not each.is_dir() and each.relative_to(partial).as_posix() not in wanted:
            each.unlink()


def _appear(partial: Path, target: Path) -> None:
    """Give the bundle its name; one of another build that had it steps aside first and goes then."""
    former = target.with_name(f".{target.name}.former")
    if target.exists():
        os.replace(target, former)
    os.replace(partial, target)
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    shutil.rmtree(former, ignore_errors=True)


def _restore(target: Path) -> None:
    """Bring back what had stepped aside when a pull was killed at that moment."""
    former = target.with_name(f".{target.name}.former")
    if former.is_dir():
        if target.exists():
            shutil.rmtree(former, ignore_errors=True)
        else:
            os.replace(former, target)
