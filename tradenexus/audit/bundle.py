"""One file that proves a trail: the entries as they were hashed, the chain's head, and what verifies them offline.

A zip file, written while it is sent: entries.jsonl, head.json, README.txt, verify.py (tradenexus.audit.proof) and
manifest.json with the digests of the others. Entries are read a batch at a time: memory does not grow with the trail.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast
from uuid import UUID

from tradenexus import db, ids
from tradenexus.audit import chain, proof
from tradenexus.audit.models import GENESIS, Entry, Head
from tradenexus.errors import BadRequest
from tradenexus.rest.canonical import canonical_json
from tradenexus.tenancy.models import Tenant

BATCH = 500
README = """\
Audit bundle of a Trade Nexus workspace
=======================================

entries.jsonl  one audit entry a line, oldest first: {"seq", "prevHash", "hash", "entry"}
head.json      the newest entry of the whole chain when this was made (seq, hash), and which entries are here (range)
verify.py      recomputes the chain; needs Python 3.11 or newer and nothing else
manifest.json  SHA-256 and size of each of the other files

How the hash of an entry is computed
------------------------------------

    hash = SHA-256( prevHash + ":" + seq + ":" + entry )        as 64 lower-case hex digits

All of it is UTF-8 text. `entry` is the JSON of the field `entry` in one form only: keys sorted, no spaces, characters
beyond ASCII written as themselves; it stands so in the line already. `seq` is the number in decimal. The first entry of
a workspace has seq 1 and 64 zeros as its prevHash. A range that begins later carries the hash of the entry before it as
the prevHash of its first entry.

How to verify
-------------

    python verify.py                    in the unpacked folder; or: python verify.py audit.zip
    nexus audit verify audit.zip        the same, without a server

Exit code 0: whole. 1: the first bad entry is named. Whoever can change a bundle can change verify.py in it as well:
take it, or the command line, from an installation that you trust.

What a bundle alone cannot tell: whether the whole chain was computed anew after a change. Keep heads elsewhere
(`nexus audit head`, or GET /v1/audit/head) and compare: python verify.py audit.zip --witness SEQ:HASH
"""


@dataclass(frozen=True, slots=True)
class Span:
    """The entries of a bundle: [first, last] without gaps, none when first is None; the hashes around them."""

    head: Head
    first: int | None = None
    first_hash: str = ""
    previous: str = ""
    last: int | None = None
    last_hash: str = ""

    @property
    def entries(self) -> int:
        """How many there are."""
        return self.last - self.first + 1 if self.first is not None and self.last is not None else 0


def head_of(tenant_id: UUID) -> Head:
    """Return the tenant's head; of a workspace where nothing has happened yet, one that says so."""
    return Head.objects.filter(tenant_id=tenant_id).first() or Head(tenant_id=tenant_id)


def edge(name: str, text: str) -> datetime | None:
    """Read a day or a time (UTC without a zone); None for no text, BadRequest for anything else."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRequest(f"{name} is a day or a time", {"fields": {name: [text[:64]]}}) from None


def span(tenant_id: UUID, start: datetime | None, end: datetime | None) -> Span:
    """Return the entries from the first at or after `start` to the last before `end`, and all between them."""
    head = head_of(tenant_id)
    rows = Entry.of(tenant_id).filter(seq__lte=head.audit_seq)
    if not head.audit_seq:
        return Span(head)
    opening = rows.filter(at__gte=start).order_by("seq").first() if start else rows.order_by("seq").first()
    if end is None:
        last, last_hash = head.audit_seq, head.audit_hash
    else:
        closing = rows.filter(at__lt=end).order_by("-seq").first()
        last, last_hash = (closing.seq, closing.hash) if closing else (0, "")
    # A whole chain begins with entry 1 whatever the table says: that its beginning is gone must not look like a range.
    first, previous = (1, GENESIS) if start is None else (opening.seq, opening.prev_hash) if opening else (last + 1, "")
    if first > last:
        return Span(head)
    return Span(head, first, opening.hash if opening and opening.seq == first else "", previous, last, last_hash)


def told(tenant: Tenant, span: Span) -> dict[str, Any]:
    """Return head.json."""
    ends: dict[str, Any] = {"first": None, "last": None, "entries": span.entries}
    if span.entries:
        ends["first"] = {"seq": span.first, "hash": span.first_hash, "prevHash": span.previous}
        ends["last"] = {"seq": span.last, "hash": span.last_hash}
    return {
        "format": 1,
        "seq": span.head.audit_seq,
        "hash": span.head.audit_hash,
        "workspace": {"id": ids.encode("tnt", tenant.id), "name": tenant.name},
        "exportedAt": chain.at_text(db.now()),
        "range": ends,
    }


def pieces(tenant: Tenant, span: Span) -> Iterator[bytes]:
    """Yield the bundle's bytes."""
    sink, made = _Sink(), db.now()
    files: dict[str, dict[str, Any]] = {}
    with zipfile.ZipFile(cast(IO[bytes], sink), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, parts in _parts(tenant, span):
            digest, size = hashlib.sha256(), 0
            with archive.open(_named(name, made), "w", force_zip64=True) as stream:
                for part in parts:
                    stream.write(part)
                    digest.update(part)
                    size += len(part)
                    yield sink.take()
            files[name] = {"sha256": digest.hexdigest(), "sizeBytes": size}
        archive.writestr(_named(proof.MANIFEST, made), _json({"files": files}))
    yield sink.take()


def _parts(tenant: Tenant, span: Span) -> list[tuple[str, Iterable[bytes]]]:
    return [
        (proof.HEAD, [_json(told(tenant, span))]),
        ("README.txt", [README.encode()]),
        ("verify.py", [Path(proof.__file__).read_bytes()]),
        (proof.ENTRIES, _lines(tenant.id, span)),
    ]


def _lines(tenant_id: UUID, span: Span) -> Iterator[bytes]:
    if span.first is None:
        return
    rows, after = Entry.of(tenant_id).filter(seq__lte=span.last).order_by("seq"), span.first - 1
    while batch := list(rows.filter(seq__gt=after)[:BATCH]):
        after = batch[-1].seq
        yield "".join(
            proof.line(entry.seq, entry.prev_hash, entry.hash, canonical_json(chain.body(entry))) for entry in batch
        ).encode()


def _named(name: str, made: datetime) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, made.astimezone(UTC).timetuple()[:6])
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    return info


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


class _Sink:
    """What zipfile writes to: no file, so that it never seeks."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        """Return what was written since the last time."""
        done = b"".join(self._written)
        self._written.clear()
        return done
