"""Staging is cleared of finished runs, and of nothing else."""

import pytest

from backfill.ingestion import clearing
from backfill.landing import zones
from backfill.models import IngestRun
from tradenexus import db

pytestmark = pytest.mark.django_db


def test_only_finished_runs_are_cleared(owner):
    open_, done = (IngestRun.everyone.create(tenant=owner.tenant) for _ in range(2))
    IngestRun.everyone.filter(id=done.id).update(finished_at=db.now())
    for work in (open_.ref, done.ref, "somebody"):
        zones.path(work).mkdir(parents=True)
    assert clearing.sweep() == 1
    assert zones.works() == sorted([open_.ref, "somebody"])
