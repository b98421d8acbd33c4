"""Who brought rows that stand in the lake, told by its revisions; and the last closes of sessions.

The ledger names the vendor that offered a session last, also when it brought nothing new: it is no proof of origin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import cached_property
from typing import Any

from datasets.lake import scan
from datasets.models import LakeEntry, LakeMember, LakePartition, LakeRevision
from tradenexus import db


class Standing:
    """Rows of one entry of bars as they stand; the catalog is asked once for all the sessions that are given."""

    def __init__(self, entry: LakeEntry, parts: Sequence[LakePartition]):
        self.entry, self.parts = entry, parts

    def closes_of(self, parts: Sequence[LakePartition]) -> dict[date, float]:
        """Return the last close of each of some of the sessions."""
        if not parts:
            return {}
        near = scan.within(self._located, *_span(parts))
        return _closes(scan.tables_of(near, ["ts_event", "close"]), parts)

    def brought_by(self, part: LakePartition) -> frozenset[str]:
        """Return the vendors of whom one brought a session's last close that stands.

        It is one vendor as long as the revision that brought it is kept; of what was let go, all who committed till
        then.
        """
        told = self._vendors
        if len(set(told.values())) < 2:
            return frozenset(told.values())
        since, standing, sure = None, None, not self.entry.oldest_revision
        for member in self._members[part.id]:
            try:
                close = self._close_in(member, part)
            except scan.SegmentDamaged:
                sure = False
                break
            if close is None or (standing is not None and close != standing):
                sure = True
                break
            since, standing = member.from_revision, close
        if since is None:
            return frozenset(told.values())
        if sure:
            return frozenset({told.get(since, "")})
        return frozenset(vendor for number, vendor in told.items() if number <= since)

    @cached_property
    def _located(self) -> scan.Slice:
        return scan.locate(self.entry, *_span(self.parts))

    @cached_property
    def _vendors(self) -> dict[int, str]:
        rows = LakeRevision.objects.filter(entry=self.entry).order_by("number")
        return dict(rows.values_list("number", "vendor"))

    @cached_property
    def _members(self) -> dict[Any, list[LakeMember]]:
        """The files that ever held the last row of each session, by the session's id, the newest first."""
        rows = LakeMember.objects.filter(entry=self.entry)
        asked = [rows.filter(t0_ns__lte=part.last_ns, t1_ns__gte=part.last_ns) for part in self.parts]
        keys = db.keys_of(asked)
        found = rows.filter(id__in=set().union(*keys)).select_related("segment").order_by("-from_revision")
        held = list(found)
        return {
            part.id: [member for member in held if member.id in own] for part, own in zip(self.parts, keys, strict=True)
        }

    def _close_in(self, member: LakeMember, part: LakePartition) -> float | None:
        one = scan.Slice(self.entry, member.from_revision, [member.segment], *_span([part]))
        return _closes(scan.tables_of(one, ["ts_event", "close"]), [part]).get(part.session)


def _span(parts: Sequence[LakePartition]) -> tuple[int, int]:
    return min(part.first_ns or 0 for part in parts), max(part.last_ns or 0 for part in parts) + 1


def _closes(read: Iterable[Any], parts: Sequence[LakePartition]) -> dict[date, float]:
    found: dict[date, float] = {}
    for rows in read:
        times, closes = rows.column("ts_event").cast("int64").to_numpy(), rows.column("close")
        for part in parts:
            at = int(times.searchsorted(part.last_ns, side="right")) - 1
            if at >= 0 and times[at] >= (part.first_ns or 0):
                found[part.session] = closes[at].as_py()
    return found
