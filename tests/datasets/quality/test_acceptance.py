"""Accepting a finding over the API: audited, seen on the report's page, and never a way to change the verdict."""

import pytest

from datasets.models import QualityReport
from datasets.quality import acceptance
from tests.kit import factories
from tradenexus.audit.models import Entry

pytestmark = pytest.mark.django_db
SAID = {"check": "moves.large", "reason": "a true crash, see the venue's note"}


@pytest.fixture
def judged(owner, tmp_path):
    version = factories.sealed(owner, tmp_path, rows=3)
    checks = [{"id": "moves.large", "grade": "AMBER", "count": 3}, {"id": "schema.rows", "grade": "GREEN", "count": 0}]
    QualityReport.everyone.create(
        tenant_id=owner.tenant.id, version=version, grade="AMBER", score=95, profile="standard", body={"checks": checks}
    )
    return version


def post(person, version, body, **headers):
    return person.api.post(f"/v1/datasets/{version.dataset.ref}/quality-report:accept", body, format="json", **headers)


def test_an_acceptance_is_audited_and_changes_no_verdict(owner, judged):
    answer = post(owner, judged, SAID | {"version": 1})
    assert (answer.status_code, answer.data["acceptance"]["grade"], answer.data["acceptance"]["version"]) == (
        201,
        "AMBER",
        1,
    )
    entry = Entry.of(owner.tenant.id).get(action=acceptance.ACCEPTED)
    assert (entry.subject, entry.reason, entry.details["check"]) == (judged.ref, SAID["reason"], "moves.large")
    assert acceptance.of_version(judged)["moves.large"]["reason"] == SAID["reason"]
    assert QualityReport.of(owner.tenant.id).get(version=judged).grade == "AMBER"


def test_a_replayed_acceptance_is_noted_once(owner, judged):
    for _ in range(2):
        assert post(owner, judged, SAID, HTTP_IDEMPOTENCY_KEY="accept-once").status_code == 201
    assert Entry.of(owner.tenant.id).filter(action=acceptance.ACCEPTED).count() == 1


@pytest.mark.parametrize(
    ("changed", "status"),
    [({"check": "schema.rows"}, 404), ({"check": "nothing"}, 404), ({"reason": "ok"}, 400), ({"version": 9}, 404)],
)
def test_what_is_no_finding_or_no_reason_is_refused(owner, judged, changed, status):
    assert post(owner, judged, SAID | changed).status_code == status
    assert not Entry.of(owner.tenant.id).filter(action=acceptance.ACCEPTED).exists()


def test_a_viewer_and_a_stranger_are_refused(viewer, stranger, judged):
    assert post(viewer, judged, SAID).status_code == 403
    assert post(stranger, judged, SAID).status_code == 404
