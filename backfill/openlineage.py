"""What an ingest from a vendor moved, for collectors of lineage (settings.NEXUS_OPENLINEAGE).

A vendor's answer is called `<table>/<VENUE:SYMBOL>` in the namespace `vendor://<vendor>`; its version is the SHA-256 of
the rows as they landed, which is known until they are committed.
"""

from __future__ import annotations

from uuid import UUID

from backfill.models import IngestItem
from datasets.openlineage import lakemoves
from tradenexus.jobs.models import Job
from tradenexus.openlineage import facets
from tradenexus.openlineage.facets import Moved, Set


def ingest(tenant_id: UUID, jobs: list[Job]) -> dict[str, Moved]:
    """Answers of a vendor entered the lake; only what came is told."""
    rows = IngestItem.objects.filter(job__in=jobs, run__tenant_id=tenant_id).order_by("number")
    came: dict[UUID | None, list[Set]] = {}
    for row in rows:
        if row.landed or row.commit_ref:
            came.setdefault(row.job_id, []).append(
                facets.dataset(
                    f"vendor://{row.vendor}",
                    f"{row.table}/{row.instrument}",
                    version=row.landed.get("sha256"),
                    source=row.vendor,
                )
            )
    outputs = lakemoves.committed(tenant_id, jobs)
    return {job.ref: Moved(came.get(job.id, []), outputs[job.ref]) for job in jobs}
