"""What a comparison of two revisions has to read: the files that they do not share, span by span, in capped children.

Files are told apart by their digests; one that both sides have is not opened, whatever its size. Only the files of one
part at a time are at hand, so that neither memory nor copies out of object storage grow with the difference.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from datasets.engine import children, executor, handover
from datasets.lake import scan
from datasets.models import LakeEntry, LakeSegment
from datasets.storage import blobs

SHOWN = 100  # rows of each kind
FILES = 64  # spans whose files are at hand at once
_UNREADABLE = ("READER_CRASHED", "CHILD_FAILED")
Span = tuple[int, LakeSegment | None, LakeSegment | None]  # first ns, the file of either side


@dataclass(frozen=True)
class Plan:
    """What two revisions do not share, in order of time, and what they do."""

    entry: LakeEntry
    spans: list[Span]
    shared: list[LakeSegment]
    rows: dict[str, int]  # of each side, shared ones too
    versions: dict[str, list[int]]  # of the schema

    @property
    def weight(self) -> int:
        """How many rows have to be read."""
        return sum(_rows(span) for span in self.spans)

    @property
    def files(self) -> int:
        """How many files have to be read."""
        return sum(bool(each) for _, *pair in self.spans for each in pair)

    def part(self, start: int, rows: int) -> int:
        """Return the span after a part from `start` on: of so many rows and FILES at most, but of one span at least."""
        end, held = start + 1, _rows(self.spans[start])
        while end < min(len(self.spans), start + FILES) and held + _rows(self.spans[end]) <= rows:
            held += _rows(self.spans[end])
            end += 1
        return end


def plan_of(entry: LakeEntry, a: int, b: int) -> Plan:
    """Return what comparing revision `a` with `b` takes; RevisionGone for one that is not kept."""
    sides = {name: scan.of_revision(entry, number).segments for name, number in (("a", a), ("b", b))}
    known = {name: {each.sha256 for each in segments} for name, segments in sides.items()}
    both = [each for each in sides["a"] if each.sha256 in known["b"]]
    shared = {each.sha256 for each in both}
    held = {name: {each.span_start_ns: each for each in segments if each.sha256 not in shared}
            for name, segments in sides.items()}  # fmt: skip
    return Plan(
        entry=entry,
        spans=[(at, held["a"].get(at), held["b"].get(at)) for at in sorted({*held["a"], *held["b"]})],
        shared=both,
        rows={name: sum(each.rows for each in segments) for name, segments in sides.items()},
        versions={name: sorted({each.schema_version for each in segments}) for name, segments in sides.items()},
    )


def compared(
    plan: Plan,
    start: int,
    end: int,
    state: dict[str, Any] | None = None,
    *,
    wall_s: float,
    on_rows: Callable[[int], None] = lambda rows: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Compare the spans [start, end) in a child -> what `comparing.compare` tells of all up to there.

    `state` is that of the part before. SegmentDamaged when a file that is needed is; the child's limits.
    """
    spans, until = plan.spans[start:end], plan.spans[end][0] if end < len(plan.spans) else None
    edges = [ns for each in plan.shared for ns in (each.t0_ns, each.t1_ns)]
    with ExitStack() as stack:
        given = [
            {name: _local(each, stack) if each else None for name, each in (("a", a), ("b", b))} for _, a, b in spans
        ]
        params = {"table": plan.entry.table, "calendar": plan.entry.calendar, "spans": given, "edges": edges}
        try:
            (found,) = executor.run(
                settings.NEXUS_COMPUTE,
                "datasets.lake.comparing:compare",
                [params | {"shown": SHOWN, "untilNs": until, "state": state}],
                limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES, wall_s=wall_s),
                on_message=lambda number, said: on_rows(said["done"]),
                cancelled=cancelled,
            )
        except children.ChildFailed as failed:
            if failed.code not in _UNREADABLE:
                raise
            names = [each.ref for _, *pair in spans for each in pair if each][:50]
            words = f"a segment of {plan.entry} cannot be read"
            raise scan.SegmentDamaged(words, {"segments": names, "lastWords": failed.message}) from failed
    return dict(found)


def nothing(plan: Plan) -> dict[str, Any]:
    """Return what is known before anything was compared."""
    counts = dict.fromkeys(("added", "removed", "changed", "unchanged"), 0)
    told: dict[str, list[Any]] = {"sessions": [], "columns": [], "distributions": [], "rows": []}
    until = plan.spans[0][0] if plan.spans else None
    return {**told, "counts": counts, "columnsOf": {"a": [], "b": []}, "rowsRead": 0, "untilNs": until}


def summed(plan: Plan, found: dict[str, Any]) -> dict[str, Any]:
    """Add what is not in the files that were read: complete, files, shared, sharedRows, versions."""
    complete, counts = found["untilNs"] is None, found["counts"]
    shared = sum(each.rows for each in plan.shared)
    if complete:
        # What is told must add up to what both revisions hold.
        kept = shared + counts["unchanged"] + counts["changed"]
        assert plan.rows == {"a": kept + counts["removed"], "b": kept + counts["added"]}, (str(plan.entry), counts)
    told = {"complete": complete, "files": plan.files, "shared": len(plan.shared), "sharedRows": shared}
    return {**found, **told, "versions": plan.versions}


def _rows(span: Span) -> int:
    return sum(each.rows for each in span[1:] if each)


def _local(segment: LakeSegment, stack: ExitStack) -> handover.Input:
    details = {"segment": segment.ref, "sha256": segment.sha256}
    damaged = scan.SegmentDamaged(f"a segment of {segment.table}/{segment.instrument} cannot be read", details)
    if segment.damaged_at:
        raise damaged
    try:
        path = stack.enter_context(blobs.local(segment.key))
    except blobs.BlobMissing as missing:
        raise damaged from missing
    if path.stat().st_size != segment.size_bytes:
        raise damaged
    return handover.reads(path)
