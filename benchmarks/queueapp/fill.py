"""`python -m benchmarks.queueapp.fill N`: N queued jobs of one workspace, as rows (submitting is not measured)."""

from __future__ import annotations

import sys

import django

BATCH = 5_000


def fill(count: int) -> None:
    """Insert so many jobs of the kind that does nothing, due now."""
    from benchmarks.queueapp.tasks import NOTHING
    from tradenexus import db
    from tradenexus.jobs.models import Job
    from tradenexus.tenancy.models import Tenant

    tenant, _ = Tenant.objects.get_or_create(name="bench")
    now = db.now()
    for start in range(0, count, BATCH):
        rows = (Job(tenant=tenant, kind=NOTHING, run_at=now) for _ in range(min(BATCH, count - start)))
        with db.atomic():
            Job.everyone.bulk_create(rows)


if __name__ == "__main__":
    django.setup()
    fill(int(sys.argv[1]))
