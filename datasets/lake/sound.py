"""Segments that are read are those that were written: length and footer are compared each time, at next to no cost.

A footer holds the digest of the rows that were written (`nexus.content`) and each column chunk's place, size and
statistics: another file, another revision's, or one cut short has another footer. Flipped bytes in the middle are the
scrub's to find; commits compare whole digests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from datasets.lake.offers import SegmentDamaged
from datasets.models import LakeSegment
from datasets.storage import blobs


def check(segment: LakeSegment, source: Path | BinaryIO) -> None:
    """Refuse what is not the file that the catalog names: SegmentDamaged. The position of an open file moves."""
    if segment.damaged_at:
        raise _damaged(segment)
    if isinstance(source, Path):
        with source.open("rb", buffering=0) as handle:
            _compare(segment, handle)
    else:
        _compare(segment, source)


@contextmanager
def local(segment: LakeSegment) -> Iterator[Path]:
    """Give a local path with the segment's bytes, checked; SegmentDamaged, and what `blobs.local` raises."""
    with blobs.local(segment.key) as path:
        check(segment, path)
        yield path


def _compare(segment: LakeSegment, handle: BinaryIO) -> None:
    from datasets.engine import canonical

    size, footer = canonical.footer_of(handle)
    # segments of before footers were kept have none
    if size != segment.size_bytes or (segment.footer and footer != segment.footer):
        raise _damaged(segment)


def _damaged(segment: LakeSegment) -> SegmentDamaged:
    words = f"a segment of {segment.table}/{segment.instrument} is not what was written"
    return SegmentDamaged(words, {"segment": segment.ref, "sha256": segment.sha256})
