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
from tradenexus.openlineage.facets import Moved


def ingest(tenant_id: UUID, job: Job) -> Moved:
    """Answers of a vendor entered the lake; only what came is told."""
    rows = IngestItem.objects.filter(job=job, run__tenant_id=tenant_id).order_by("number")
    came = [row for row in rows if row.landed or row.commit_ref]
    inputs = [
        facets.dataset(
            f"vendor://{row.vendor}",
            f"{row.table}/{row.instrument}",
            version=row.landed.get("sha256"),
            source=row.vendor,
        )
        for row in came
    ]
    return Moved(inputs, lakemoves.committed(tenant_id, job))
