"""What is handed in is written down once, with its jobs."""

import pytest

from backfill.ingestion import planning, requests
from backfill.ingestion.planning import Wanted
from backfill.models import IngestRun
from tradenexus import db
from tradenexus.audit.models import Entry
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db


def request(person, handed, **options):
    with db.atomic():
        return requests.request(person.actor, handed, planning.options(options))


def wanted(name, table="trades", vendor="v"):
    return Wanted(table, name, vendor, {}, None, "missing")


def test_all_tables_of_an_instrument_are_in_one_batch_of_one_vendor():
    queued = [wanted("X:A"), wanted("X:B"), wanted("X:A", "quotes"), wanted("X:C"), wanted("X:D", vendor="w")]
    cut = [[f"{each.instrument} {each.table}" for each in batch] for batch in requests.batches(queued, 2)]
    assert cut == [["X:A trades", "X:A quotes", "X:B trades"], ["X:C trades"], ["X:D trades"]]


def test_a_request_starts_a_job_a_batch(owner, answering, settings):
    settings.NEXUS_INGEST_BATCH = 2
    run, _, jobs = request(owner, ["X:A", "X:B", "X:C", "no"])
    assert len(jobs) == 2
    assert [item.job_id for item in run.items.order_by("number")] == [jobs[0].id, jobs[0].id, jobs[1].id]
    assert run.refused[0]["candidate"] == "no"
    audit = Entry.of(owner.tenant.id).get(action="ingest.asked")
    assert (audit.subject, audit.details["queued"], audit.details["refused"]) == (run.ref, 3, 1)


def test_nothing_is_written_down_when_nobody_passes(owner, answering):
    with pytest.raises(requests.NothingAccepted) as refused:
        request(owner, ["no", "nor:this"])
    assert [each["candidate"] for each in refused.value.details["refused"]] == ["no", "nor:this"]
    assert not IngestRun.of(owner.tenant.id).exists()
    assert not Job.of(owner.tenant.id).exists()
