"""The weekly repair: every workspace whose lake holds something, unless one is under way there."""

import pytest

from backfill.landing import zones
from backfill.models import RepairRun
from tests.kit import lake
from tradenexus import db
from tradenexus.jobs import queue, schedules
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


def ask_weekly():
    with db.atomic():
        queue.submit(None, "backfill.repair_weekly", {})


def test_every_workspace_that_holds_something_is_repaired_once(owner, stranger, ranged, work, tmp_path):
    lake.registered(owner, "X:A")
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([1, 2, 3]), "X:A"))
    ask_weekly()
    work()
    (run,) = RepairRun.everyone.all()
    assert (run.tenant_id, run.user, run.plan, bool(run.finished_at)) == (owner.tenant.id, None, False, True)
    assert run.found["gaps"] == 0


def test_where_one_is_under_way_no_other_is_asked_for(owner, ranged, work, tmp_path):
    lake.registered(owner, "X:A")
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([1, 2, 3]), "X:A"))
    RepairRun.everyone.create(tenant=owner.tenant, selection={})
    ask_weekly()
    work()
    assert RepairRun.everyone.count() == 1


@pytest.mark.django_db
def test_it_is_scheduled():
    import backfill.tasks  # noqa: F401

    assert "backfill.repair_weekly" in schedules.fire()
    assert Job.everyone.filter(kind="backfill.repair_weekly").count() == 1


def test_staging_that_a_killed_process_left_is_removed_once_its_run_is_finished(owner, tmp_path):
    from backfill.ingestion import clearing

    run = RepairRun.everyone.create(tenant=owner.tenant, selection={})
    file = tmp_path / "a.parquet"
    file.write_bytes(b"rows")
    zones.keep(file, run.ref, "000001.parquet")
    assert clearing.sweep() == 0
    RepairRun.everyone.update(finished_at=db.now())
    assert (clearing.sweep(), zones.works()) == (1, [])
