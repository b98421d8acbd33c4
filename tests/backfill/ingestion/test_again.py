"""Another try for what failed, and the end of what waits; over the API and at once."""

from __future__ import annotations

import pytest

from backfill.ingestion import again
from backfill.models import IngestItem, IngestRun
from backfill.vendors.errors import NotEntitled
from tests.kit.answering import page
from tests.kit.lake import MONDAY
from tradenexus.audit.models import Entry
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def half(owner, answering, hand_in):
    """A finished run of which one item came and one failed, in a job that succeeded."""
    answering["X:A"], answering["X:B"] = (page(MONDAY, [1.0]),), NotEntitled("not in your plan")
    hand_in(owner, ["X:A", "X:B"])
    assert Job.of(owner.tenant.id).get().state == "succeeded"
    return IngestRun.of(owner.tenant.id).get()


def test_only_what_failed_is_asked_for_again(owner, answering, half, work):
    answering["X:B"] = (page(MONDAY, [2.0]),)
    answer = owner.api.post(f"/v1/lake/ingests/{half.ref}:retry", {}, format="json")
    assert answer.status_code == 202, answer.json()
    told = answer.json()
    assert (told["ingest"]["state"], told["ingest"]["finishedAt"]) == ("working", None)
    assert len(told["jobs"]) == 1
    before = IngestItem.objects.get(instrument="X:A").settled_at
    work()
    half.refresh_from_db()
    assert half.finished_at is not None
    assert IngestItem.objects.get(instrument="X:B").state == "committed"
    assert IngestItem.objects.get(instrument="X:A").settled_at == before
    assert Entry.of(owner.tenant.id).filter(action="ingest.retried").count() == 1


def test_a_second_request_finds_nothing_to_do(owner, half):
    again.retry(owner.actor, half)
    with pytest.raises(again.NothingFailed):
        again.retry(owner.actor, half)
    answer = owner.api.post(f"/v1/lake/ingests/{half.ref}:retry", {}, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "INGEST_NOTHING_FAILED")
    assert Job.of(owner.tenant.id).filter(state="queued").count() == 1


def test_the_same_key_is_the_same_try(owner, half):
    path, key = f"/v1/lake/ingests/{half.ref}:retry", {"Idempotency-Key": "again-and-again"}
    one, other = (owner.api.post(path, {}, format="json", headers=key) for _ in range(2))
    assert one.json()["jobs"][0]["id"] == other.json()["jobs"][0]["id"]


def test_what_waits_is_cancelled_and_what_has_ended_is_not(owner, answering, half):
    assert owner.api.post(f"/v1/lake/ingests/{half.ref}:cancel", {}, format="json").status_code == 409
    again.retry(owner.actor, half)
    answer = owner.api.post(f"/v1/lake/ingests/{half.ref}:cancel", {}, format="json")
    assert answer.status_code == 202
    assert answer.json()["ingest"]["counts"]["failed"] == 1
    assert [job["state"] for job in answer.json()["jobs"]] == ["cancelled"]
    assert again.retry(owner.actor, half)  # and once more


def test_another_workspace_touches_nothing(stranger, half):
    for verb in ("retry", "cancel"):
        assert stranger.api.post(f"/v1/lake/ingests/{half.ref}:{verb}", {}, format="json").status_code == 404
