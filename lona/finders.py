"""What other parts of the platform ask this app for."""

from __future__ import annotations

from typing import Any
from uuid import UUID


def lineage(tenant_id: UUID, known: list[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the nodes and edges that follow from the versions among the ids (settings.NEXUS_LINEAGE)."""
    from lona.backtests.lineage import following

    return following(tenant_id, known)
