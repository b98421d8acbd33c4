"""Who pulled a bundle: a row a person and day, counted while the bytes go out.

Bytes are those that were handed to the connection: a transfer that was cut counts up to the last 64 MiB.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F

from datasets.models import ExportBundle, ExportPull
from tradenexus import db
from tradenexus.actor import Actor

EVERY_BYTES = 64 << 20


def counted(actor: Actor, bundle: ExportBundle, blocks: Iterator[bytes], archive: bool = False) -> Iterator[bytes]:
    """Yield the blocks, and count them as pulled by this person; `archive`: they are the bundle in one piece."""
    open_bytes = 0
    for block in blocks:
        yield block
        open_bytes += len(block)
        if open_bytes >= EVERY_BYTES:
            note(actor, bundle, open_bytes)
            open_bytes = 0
    note(actor, bundle, open_bytes, files=not archive, archives=archive)


def note(actor: Actor, bundle: ExportBundle, size_bytes: int, files: int = 0, archives: int = 0) -> None:
    """Add to what this person pulled of this bundle today (UTC); what was built anew since is counted apart."""
    now = db.now()
    row = ExportPull(
        tenant_id=bundle.tenant_id,
        bundle=bundle,
        user_id=actor.user_id,
        manifest_sha256=bundle.manifest_sha256,
        day=now.date(),
        first_at=now,
        last_at=now,
    )
    same = {"bundle": bundle, "user_id": actor.user_id, "manifest_sha256": row.manifest_sha256, "day": row.day}
    with db.atomic():
        ExportPull.everyone.bulk_create([row], ignore_conflicts=True)
        ExportPull.of(bundle.tenant_id).filter(**same).update(
            files=F("files") + int(files),
            archives=F("archives") + int(archives),
            size_bytes=F("size_bytes") + size_bytes,
            last_at=now,
        )
