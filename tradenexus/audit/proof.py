"""Verify an audit bundle with the standard library alone: `python verify.py [BUNDLE] [--witness SEQ:HASH]`.

BUNDLE is the zip file or the folder it was unpacked into (default: the folder of this file). Every hash is computed
anew from entries.jsonl, line by line, and compared with the links, with head.json and with manifest.json. Exit code 0:
the chain is whole; 1: it is not, and the first bad entry is named. A witness is a head that was kept elsewhere: only it
tells a chain from another one that somebody computed anew from an entry on.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

GENESIS = "0" * 64
LONGEST = 1 << 26  # bytes of a line: no entry is longer
ENTRIES, HEAD, MANIFEST = "entries.jsonl", "head.json", "manifest.json"
WITNESS = re.compile(r"(\d{1,18}):([0-9a-f]{64})")

Open = Callable[[str], IO[bytes]]


@dataclass(frozen=True)
class Verdict:
    """The outcome; `first_bad` is the number of the first entry that does not fit (None: no entry is to blame)."""

    ok: bool
    entries: int
    first: int | None = None
    last: int | None = None
    hash: str = ""
    first_bad: int | None = None
    why: str = ""


class Unreadable(Exception):
    """The bundle is cut, or none."""


class Misfit(Exception):
    """An entry does not fit: its number, and why."""

    def __init__(self, seq: int | None, why: str):
        super().__init__(why)
        self.seq, self.why = seq, why


def line(seq: int, previous: str, digest: str, entry: str) -> str:
    """Return an entry as it stands in entries.jsonl; `entry` is the canonical JSON that was hashed."""
    return f'{{"seq":{seq},"prevHash":"{previous}","hash":"{digest}","entry":{entry}}}\n'


def link(previous: str, seq: int, entry: str) -> str:
    """Return the hash that an entry must carry."""
    return hashlib.sha256(f"{previous}:{seq}:{entry}".encode()).hexdigest()


def canonical(value: Any) -> str:
    """Return JSON with sorted keys and no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def verify(bundle: Path, witness: str = "") -> Verdict:
    """Verify a bundle, a zip file or a folder; ValueError for a witness that is not SEQ:HASH."""
    kept = WITNESS.fullmatch(witness) if witness else None
    if witness and kept is None:
        raise ValueError("a witness is SEQ:HASH, the number and the 64 hex digits of a head")
    chain = _Chain((int(kept[1]), kept[2]) if kept else None)
    why, bad = "", None
    try:
        with _Bundle(bundle) as files:
            chain.walk(files)
            _digests(files)
    except Misfit as misfit:
        why, bad = misfit.why, misfit.seq
    except (Unreadable, zipfile.BadZipFile, zlib.error, EOFError, OSError, UnicodeDecodeError, KeyError) as error:
        why, bad = f"the bundle cannot be read to its end: {error}", chain.expected
    return Verdict(not why, chain.count, chain.first, chain.last, chain.previous, bad, why)


class _Bundle:
    def __init__(self, path: Path):
        self.path, self.zip = path, None
        if path.is_file():
            if not zipfile.is_zipfile(path):
                raise Unreadable(f"{path.name} is no zip file, or its end was cut off")
            self.zip = zipfile.ZipFile(path)
        elif not (path / HEAD).is_file():
            raise Unreadable(f"there is no {HEAD} at {path}")

    def __enter__(self) -> Open:
        return self.zip.open if self.zip else self._open

    def __exit__(self, *exc: object) -> None:
        if self.zip:
            self.zip.close()

    def _open(self, name: str) -> IO[bytes]:
        return (self.path / name).open("rb")


class _Chain:
    """What was read so far; `expected` is the number of the entry that comes next."""

    def __init__(self, witness: tuple[int, str] | None):
        self.witness, self.seen = witness, False
        self.count, self.previous = 0, ""
        self.expected: int | None = None
        self.first: int | None = None
        self.last: int | None = None

    def walk(self, files: Open) -> None:
        head = _document(files, HEAD)
        span = head["range"]
        self.first, self.last = (span["first"] or {}).get("seq"), (span["last"] or {}).get("seq")
        self.expected, self.previous = self.first, (span["first"] or {}).get("prevHash", "")
        if self.first == 1 and self.previous != GENESIS:
            raise Misfit(1, "entry 1 follows an entry: something was before it")
        with files(ENTRIES) as stream:
            for text in _lines(stream):
                self._take(text)
        self._end(head, span)

    def _take(self, text: str) -> None:
        found = self._parsed(text)
        seq, entry = found["seq"], canonical(found["entry"])
        if self.expected is None or self.last is None or self.expected > self.last:
            raise Misfit(seq, f"entry {seq} is not among those that {HEAD} tells of")
        if seq != self.expected:
            where = "is missing, or not in its place"
            raise Misfit(self.expected, f"entry {self.expected} {where}: entry {seq} stands there")
        if found["prevHash"] != self.previous:
            raise Misfit(seq, f"entry {seq} does not follow the entry before it")
        if link(self.previous, seq, entry) != found["hash"]:
            raise Misfit(seq, f"entry {seq} was changed after it was written")
        if text != line(seq, self.previous, found["hash"], entry):
            raise Misfit(seq, f"the line of entry {seq} is not as it was written")
        self._witnessed(seq, found["hash"])
        self.previous, self.expected, self.count = found["hash"], seq + 1, self.count + 1

    def _parsed(self, text: str) -> dict[str, Any]:
        try:
            found = json.loads(text)
            if (
                text.endswith("\n")
                and found.keys() == {"seq", "prevHash", "hash", "entry"}
                and type(found["seq"]) is int
            ):
                return dict(found)
        except (ValueError, AttributeError, RecursionError):
            pass
        raise Misfit(self.expected, f"the file is cut or damaged in the line of entry {self.expected}")

    def _witnessed(self, seq: int, digest: str) -> None:
        if self.witness and self.witness[0] == seq:
            self.seen = True
            if digest != self.witness[1]:
                raise Misfit(seq, f"entry {seq} has another hash than the witness: the chain was computed anew")

    def _end(self, head: dict[str, Any], span: dict[str, Any]) -> None:
        if self.last is not None and self.expected != self.last + 1:
            raise Misfit(self.expected, f"the entries from {self.expected} to {self.last} are missing")
        if self.last is not None and self.previous != span["last"]["hash"]:
            raise Misfit(self.last, f"entry {self.last} has another hash than {HEAD} tells")
        if self.last == head["seq"] and self.previous != head["hash"]:
            raise Misfit(self.last, "the head of the chain has another hash")
        if self.count != span["entries"]:
            raise Misfit(self.last, f"{HEAD} tells of {span['entries']} entries, {self.count} are here")
        if self.witness and not self.seen:
            raise Misfit(self.witness[0], f"entry {self.witness[0]}, of which the witness tells, is not in this bundle")


def _lines(stream: IO[bytes]) -> Iterator[str]:
    while raw := stream.readline(LONGEST):
        yield raw.decode()


def _document(files: Open, name: str) -> Any:
    with files(name) as stream:
        try:
            return json.loads(stream.read(1 << 20))
        except ValueError as error:
            raise Unreadable(f"{name} is no JSON") from error


def _digests(files: Open) -> None:
    manifest = _document(files, MANIFEST)["files"]
    for name in (ENTRIES, HEAD):
        if name not in manifest:
            raise Misfit(None, f"{MANIFEST} tells nothing of {name}")
    for name, told in manifest.items():
        digest, size = hashlib.sha256(), 0
        with files(name) as stream:
            for block in iter(lambda: stream.read(io.DEFAULT_BUFFER_SIZE * 16), b""):
                digest.update(block)
                size += len(block)
        if (digest.hexdigest(), size) != (told["sha256"], told["sizeBytes"]):
            raise Misfit(None, f"{name} has other bytes than {MANIFEST} tells")


def main(words: list[str] | None = None) -> int:
    """Verify what the command line names, and say the outcome."""
    parser = argparse.ArgumentParser(description="Verify an audit bundle.")
    parser.add_argument("bundle", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--witness", default="", metavar="SEQ:HASH", help="a head that was kept elsewhere")
    given = parser.parse_args(words)
    try:
        verdict = verify(given.bundle, given.witness)
    except ValueError as error:
        parser.error(str(error))
    print(told(verdict))
    return 0 if verdict.ok else 1


def told(verdict: Verdict) -> str:
    """Return the outcome as a sentence."""
    if not verdict.ok:
        at = f" at entry {verdict.first_bad}" if verdict.first_bad else ""
        return f"BROKEN{at}: {verdict.why}. {verdict.entries} entries before it are whole."
    if not verdict.entries:
        return "OK: there are no entries in this range."
    return f"OK: entries {verdict.first} to {verdict.last} follow each other; the last has the hash {verdict.hash}."


if __name__ == "__main__":
    sys.exit(main())
