"""Who brought rows that stand in the lake, told by its revisions; and the last closes of sessions.

The ledger names the vendor that offered a session last, also when it brought nothing new: it is no proof of origin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from datasets.lake import scan
from datasets.models import LakeEntry, LakeMember, LakePartition, LakeRevision


def closes_of(entry: LakeEntry, parts: Sequence[LakePartition]) -> dict[date, float]:
    """Return the last close of each of some sessions of one entry of bars, as they stand."""
    if not parts:
        return {}
    first = min(part.first_ns or 0 for part in parts)
    last = max(part.last_ns or 0 for part in parts)
    return _closes(scan.tables_of(scan.locate(entry, first, last + 1), ["ts_event", "close"]), parts)


def brought_by(entry: LakeEntry, part: LakePartition) -> frozenset[str]:
    """Return the vendors of whom one brought a session's last close that stands.

    It is one vendor as long as the revision that brought it is kept; of what was let go, all who committed till then.
    """
    told = dict(LakeRevision.objects.filter(entry=entry).order_by("number").values_list("number", "vendor"))
    if len(set(told.values())) < 2:
        return frozenset(told.values())
    members = LakeMember.objects.filter(entry=entry, t0_ns__lte=part.last_ns, t1_ns__gte=part.last_ns)
    since, standing, sure = None, None, not entry.oldest_revision
    for member in members.select_related("segment").order_by("-from_revision"):
        try:
            close = _close_in(entry, member, part)
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


def _close_in(entry: LakeEntry, member: LakeMember, part: LakePartition) -> float | None:
    one = scan.Slice(entry, member.from_revision, [member.segment], part.first_ns, (part.last_ns or 0) + 1)
    return _closes(scan.tables_of(one, ["ts_event", "close"]), [part]).get(part.session)


def _closes(read: Iterable[Any], parts: Sequence[LakePartition]) -> dict[date, float]:
    found: dict[date, float] = {}
    for rows in read:
        times, closes = rows.column("ts_event").cast("int64").to_numpy(), rows.column("close")
        for part in parts:
            at = int(times.searchsorted(part.last_ns, side="right")) - 1
            if at >= 0 and times[at] >= (part.first_ns or 0):
                found[part.session] = closes[at].as_py()
    return found
