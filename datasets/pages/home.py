"""What Home shows of datasets: the versions that need somebody, each with one action, and the tiles."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, Sum

from datasets import listing
from datasets.models import Dataset, DatasetVersion, Status
from tradenexus.web.page import Page

FAILED = (Status.VALIDATION_FAILED, Status.TRANSFORM_FAILED, Status.PUBLISH_FAILED)
WORKING = (Status.UPLOADED, Status.VALIDATING, Status.TRANSFORMING, Status.PUBLISHING)
SHOWN = 5
_ACTIONS = {
    Status.VALIDATION_FAILED: ("Fix and re-validate", "validate/"),
    Status.TRANSFORM_FAILED: ("Look at it", ""),
    Status.PUBLISH_FAILED: ("Publish again", "publish/"),
}


class HomePart(Page):
    """The part of Home that datasets fill."""

    template = fragment = "datasets/_home.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return failed datasets with reason and action, and the counts."""
        tenant_id = self.actor.tenant_id
        counted = listing.counts(tenant_id)
        failed = Dataset.of(tenant_id).filter(status__in=FAILED, version__gte=1).order_by("-created_at", "-id")[:SHOWN]
        sealed = DatasetVersion.of(tenant_id).filter(~Q(status=Status.ARCHIVED), sealed_at__isnull=False)
        held = sealed.aggregate(rows=Sum("row_count"), size=Sum("size_bytes"))
        number = sum(counted.get(state, 0) for state in FAILED)
        return {
            "needs": [_need(version) for version in _newest(list(failed))],
            "more": max(0, number - SHOWN),
            "failed_states": ",".join(FAILED),
            "working_states": ",".join(WORKING),
            "failed": number,
            "working": sum(counted.get(state, 0) for state in WORKING),
            "ready": counted.get(Status.READY, 0),
            "published": counted.get(Status.PUBLISHED, 0),
            "total": sum(count for state, count in counted.items() if state != Status.ARCHIVED),
            "held": held,
        }


def _newest(rows: list[Dataset]) -> list[DatasetVersion]:
    return list(listing.newest_of(rows).select_related("dataset").order_by("-created_at"))


def _need(version: DatasetVersion) -> dict[str, Any]:
    label, path = _ACTIONS.get(Status(version.status), ("Look at it", ""))
    base = f"/datasets/{version.dataset.ref}/v/{version.number}/"
    return {"version": version, "name": version.dataset.name, "label": label, "url": base + path, "base": base}
