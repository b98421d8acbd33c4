"""Upkeep: old events and keys go, young ones stay."""

from datetime import timedelta

import pytest

from tests.tradenexus.audit.test_chain import write
from tradenexus import db
from tradenexus.audit import chain
from tradenexus.events.models import Event
from tradenexus.jobs import queue, runner, tasks
from tradenexus.rest.models import IdempotencyKey

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_past_its_keeping_time_is_removed_and_the_audit_chain_is_not(owner, settings):
    write(owner, 3)
    key = IdempotencyKey.everyone.create(tenant=owner.tenant, operation="POST /x", key="12345678", body_hash="")
    old = db.now() - timedelta(seconds=settings.NEXUS_IDEMPOTENCY_S + 60)
    Event.of(owner.tenant.id).filter(seq__lte=2).update(at=old)
    IdempotencyKey.everyone.filter(id=key.id).update(created_at=old)
    IdempotencyKey.everyone.create(tenant=owner.tenant, operation="POST /x", key="young-one", body_hash="")
    with db.atomic():
        job = queue.submit(None, tasks.PRUNE)
    runner.wake()
    job.refresh_from_db()
    assert job.result == {"events": 2, "idempotencyKeys": 1}
    assert list(Event.of(owner.tenant.id).values_list("seq", flat=True)) == [3]
    assert IdempotencyKey.of(owner.tenant.id).get().key == "young-one"
    assert chain.verify(owner.tenant.id).ok
