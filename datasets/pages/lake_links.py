"""What of a version is in the lake: the entries that its commits changed."""

from __future__ import annotations

from typing import Any

from datasets.models import DatasetVersion, LakeRevision
from datasets.pages.lake_frame import url_of

LINKS = 12


def of(version: DatasetVersion) -> list[dict[str, Any]]:
    """Return the entries that commits of this version changed, the newest first: {entry, url, revision, commit}."""
    rows = LakeRevision.objects.filter(commit__tenant_id=version.tenant_id, commit__source=version.ref)
    found: dict[Any, dict[str, Any]] = {}
    for row in rows.select_related("entry", "commit").order_by("-commit__created_at", "-id")[: 20 * LINKS]:
        told = {"entry": row.entry, "url": url_of(row.entry), "revision": row, "commit": row.commit}
        found.setdefault(row.entry_id, told)
    return list(found.values())[:LINKS]
