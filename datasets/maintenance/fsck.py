"""Compare what the rows say is stored with what is stored, both ways, and the lake's catalog with itself.

*Dangling*: a row names bytes that are missing, have another size, or (deep) another digest. *Orphans*: bytes that no
row names; young ones belong to work that goes on, old ones are garbage. *Catalog*: an entry whose rows, digest or
revision differ from its members'. Nothing is changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import groupby, islice
from typing import Any
from uuid import UUID

from datasets.lake import swap
from datasets.maintenance import records, stored
from datasets.models import LakeEntry, LakeMember
from datasets.storage import inventory, layout
from tradenexus.tenancy.models import Tenant

YOUNG_S = 86_400
_BATCH = 500

Watch = Callable[[str, int], None]  # (phase, how many so far); raises when the work should stop


def unwatched(phase: str, done: int) -> None:
    """Watch nothing."""


def check(tenant_id: UUID, *, deep: bool = False, watch: Watch = unwatched) -> dict[str, Any]:
    """Return what was found in one workspace; `ok` when nothing dangles and the catalog agrees with itself."""
    dangling = _Findings()
    files = read = 0
    for files, each in enumerate(stored.rows_of(tenant_id), 1):
        watch("rows", files)
        read += max(0, each.blob.size_bytes)
        fault = stored.fault_of(each.blob, deep=deep)
        if fault and _stands(each.blob.key):
            dangling.add({"subject": each.subject, "key": each.blob.key, "fault": fault})
    orphans = orphans_of(stored.zones_of(tenant_id), watch)
    catalog = _Findings(_disagreeing(tenant_id, watch))
    return {
        "ok": not dangling.count and not catalog.count,
        "deep": deep,
        "rows": files,
        "bytes": read,
        "dangling": dangling.as_dict(),
        "catalog": catalog.as_dict(),
        **orphans,
    }


def strangers() -> list[str]:
    """Return the key prefixes of workspaces that this database does not know."""
    known = {tenant.hex for tenant in Tenant.objects.values_list("id", flat=True)}
    return [f"{zone}/{name}" for zone in layout.ZONES for name in inventory.folders(zone) if name not in known]


def orphans_of(prefixes: list[str], watch: Watch = unwatched) -> dict[str, Any]:
    """Return the files below key prefixes that no row names: old ones, how many are young, and foreign keys."""
    old, foreign, young, size = _Findings(), _Findings(), 0, 0
    for found in unnamed(prefixes, watch):
        size += found.size_bytes
        age_s = round(time.time() - found.at_s)
        told = {"key": found.key, "sizeBytes": found.size_bytes, "ageSeconds": age_s}
        if not stored.form_of(found.key).kind:
            foreign.add(told)
        elif age_s < YOUNG_S:
            young += 1
        else:
            old.add(told)
    return {
        "orphans": {**old.as_dict(), "young": young, "bytes": size},
        "foreign": foreign.as_dict(),
    }


def unnamed(prefixes: list[str], watch: Watch = unwatched) -> Iterator[inventory.Found]:
    """Yield the stored files below key prefixes that no row names at this moment."""
    done = 0
    for prefix in prefixes:
        files = inventory.walk(prefix)
        while some := list(islice(files, _BATCH)):
            done += len(some)
            watch("files", done)
            named = stored.named(found.key for found in some)
            yield from (found for found in some if found.key not in named)


class _Findings:
    """A count, and the first ones."""

    def __init__(self, given: Iterator[dict[str, Any]] | None = None) -> None:
        self.count = 0
        self.first: list[dict[str, Any]] = []
        for each in given or ():
            self.add(each)

    def add(self, finding: dict[str, Any]) -> None:
        self.count += 1
        if len(self.first) < records.SHOWN:
            self.first.append(finding)

    def as_dict(self) -> dict[str, Any]:
        return {"count": self.count, "first": self.first}


def _stands(key: str) -> bool:
    """Tell whether a row names the key still: garbage collection may have removed row and bytes since it was read."""
    return key in stored.named([key])


def _disagreeing(tenant_id: UUID, watch: Watch) -> Iterator[dict[str, Any]]:
    """Yield entries that do not say what their members in force add up to, asked again before they are told of."""
    members = LakeMember.objects.filter(entry__tenant_id=tenant_id, until_revision=None)
    rows = members.select_related("segment", "entry").order_by("entry_id", "span_start_ns")
    for done, (_, group) in enumerate(groupby(rows.iterator(2000), lambda member: member.entry_id), 1):
        watch("catalog", done)
        held = list(group)
        if _fault_of(held[0].entry, held):
            entry = LakeEntry.everyone.get(id=held[0].entry_id)
            again = list(rows.filter(entry=entry))
            if fault := _fault_of(entry, again):
                yield {"subject": entry.ref, "entry": str(entry), "fault": fault}
    empty = LakeEntry.of(tenant_id).filter(rows__gt=0).exclude(id__in=members.values("entry_id"))
    yield from ({"subject": e.ref, "entry": str(e), "fault": "has rows and no members"} for e in empty)


def _fault_of(entry: LakeEntry, held: list[LakeMember]) -> str:
    rows = sum(each.segment.rows for each in held)
    if entry.rows != rows:
        return f"says {entry.rows} rows, its members have {rows}"
    if entry.digest != swap.content_digest((each.segment.sha256, each.segment.rows) for each in held):
        return "its digest is not that of its members"
    if entry.first_ns != held[0].t0_ns or entry.last_ns != held[-1].t1_ns:
        return "its first or last row is not that of its members"
    if entry.revision < max(each.from_revision for each in held):
        return "a member is newer than its revision"
    return ""
