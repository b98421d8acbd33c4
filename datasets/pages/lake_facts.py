"""What the list of entries tells beside the catalog's own columns, for one page of entries with few queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, DurationField, ExpressionWrapper, F, Window
from django.db.models.functions import Lag

from datasets.lake import ledger
from datasets.models import Grade, LakeEntry, LakePartition, SnapshotMember, SnapshotState

TOXIC = "TOXIC"
_FEWEST = 3  # sessions that have to be red for a gap of more than a long weekend


@dataclass(frozen=True, slots=True)
class Facts:
    """Sessions that never came, sessions the toxic filter kept out, gaps of the golden rows, snapshots that hold it."""

    missing: int = 0
    toxic: int = 0
    gaps: int = 0
    snapshots: int = 0


def of(found: Sequence[LakeEntry]) -> dict[Any, Facts]:
    """Return the facts of each entry by its id; four queries for all of them."""
    red = LakePartition.objects.filter(entry__in=found, status=Grade.RED, code__in=("MISSING", TOXIC)).order_by()
    codes = Counter({(entry, code): n for entry, code, n in red.values_list("entry_id", "code").annotate(Count("id"))})
    gaps, frozen = _gaps(found), _frozen(found)
    return {
        entry.id: Facts(codes[entry.id, "MISSING"], codes[entry.id, TOXIC], gaps[entry.id], frozen.get(entry.id, 0))
        for entry in found
    }


def _gaps(found: Sequence[LakeEntry]) -> Counter[Any]:
    """Count where neighbouring sessions of the golden copy lie farther apart than NEXUS_INGEST_GAP_DAYS."""
    some = [entry.id for entry in found if entry.red >= _FEWEST]
    if not some:
        return Counter()
    kept = ledger.in_force(LakePartition.objects.filter(entry__in=some)).filter(verdict__in=(Grade.GREEN, Grade.AMBER))
    before = Window(Lag("session"), partition_by=[F("entry_id")], order_by=F("session").asc())
    apart = ExpressionWrapper(F("session") - F("before"), output_field=DurationField())
    wide = kept.annotate(before=before).annotate(apart=apart)
    found_wide = wide.filter(apart__gt=timedelta(days=settings.NEXUS_INGEST_GAP_DAYS)).order_by()
    return Counter(found_wide.values_list("entry_id", flat=True))


def _frozen(found: Sequence[LakeEntry]) -> dict[Any, int]:
    members = SnapshotMember.objects.filter(entry__in=found, snapshot__state=SnapshotState.FROZEN).order_by()
    return dict(members.values_list("entry_id").annotate(Count("snapshot", distinct=True)))
