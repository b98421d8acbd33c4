"""What keeps a segment of the lake from being garbage, beside the revisions that can be read: rows and functions.

Any row of any app with a foreign key to a segment holds it (snapshots do). Who holds segments in another way names a
function in `NEXUS_LAKE_ROOTS`: it is given ids of segments and returns those that must stay.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from datasets.models import LakeMember, LakeSegment


def held(ids: Collection[UUID]) -> set[UUID]:
    """Return those of the segments that something but a member holds, asked at this moment."""
    found: set[UUID] = set()
    for relation in LakeSegment._meta.related_objects:
        if relation.related_model is LakeMember:
            continue
        field = relation.field.name
        rows = relation.related_model._base_manager.filter(**{f"{field}__in": ids})
        found |= set(rows.values_list(f"{field}_id" if not relation.many_to_many else field, flat=True))
    for path in settings.NEXUS_LAKE_ROOTS:
        found |= set(import_string(path)(ids))
    return found & set(ids)
