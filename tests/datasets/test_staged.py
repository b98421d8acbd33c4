"""What may be taken over of a scan, and what each difference does to that; the second of two attempts, too."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from datasets import staged
from datasets.models import ProvisionalScan, ScanState, UploadSession
from tests.kit import raw
from tradenexus import db
from tradenexus.jobs import queue, registry, states
from tradenexus.jobs.models import Job, LogLine
from tradenexus.jobs.run import Run

pytestmark = pytest.mark.django_db(transaction=True)
SAID = {"symbol": "X", "columnMapping": {"price": "p"}, "profile": "standard"}


@pytest.mark.parametrize(
    "changed",
    [
        {"columnMapping": {"price": "q"}},
        *({name: "other"} for name in ("kind", "timezone", "timestampUnit", "dateOrder", "sideRule", "venue")),
        {"symbol": ""},
        {"calendar": "XNYS"},
        {"interval": "1m"},
        {"profile": "strict"},
        {"thresholds": {"time.future.red": 5}},
    ],
)
def test_whatever_is_said_of_the_file_is_in_the_key(owner, changed):
    version = raw.uploaded(owner, raw.trades())
    assert staged.key(version, SAID) != staged.key(version, {**SAID, **changed})


def test_what_does_not_say_how_it_is_read_is_not_in_the_key(owner, monkeypatch):
    version = raw.uploaded(owner, raw.trades())
    key = staged.key(version, SAID)
    assert staged.key(version, {**SAID, "abortEarly": True, "then": {"candles": "1m"}, "venue": ""}) == key
    version.filename = "other.csv"
    assert staged.key(version, SAID) != key
    version.filename = "t.csv"
    monkeypatch.setattr(staged, "edition", lambda: "another program")
    assert staged.key(version, SAID) != key


@pytest.fixture
def scan(owner):
    """A scan of an uploaded version that is ready to be taken over, its files in staging."""
    version = raw.uploaded(owner, raw.trades(), **SAID)
    session = UploadSession.everyone.create(
        tenant_id=owner.tenant.id, dataset=version.dataset, version=version, state="finished", filename="t.csv",
        length=10, offset=10, expires_at=db.now() + timedelta(days=1),
    )  # fmt: skip
    scan = ProvisionalScan.everyone.create(
        tenant_id=owner.tenant.id,
        session=session,
        key=staged.key(version, SAID),
        room="first",
        job_ref="job_" + "0" * 32,
    )
    kept(scan, version)
    yield scan
    staged.clear(session.id)


def kept(scan: ProvisionalScan, version) -> bool:
    folder = staged.room(scan)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "00000.parquet").write_bytes(b"rows")
    (folder / "rejects.jsonl").write_bytes(b"")
    file = {"path": str(folder / "00000.parquet"), "sha256": hashlib.sha256(b"rows").hexdigest(), "rows": 1}
    found = {"report": {"grade": "GREEN"}, "rows": {}, "interval": None, "plan": {}, "files": [file]}
    found |= {"rejects": {"path": str(folder / "rejects.jsonl"), "count": 0}, "sha256": version.sha256}
    with db.atomic():
        return staged.keep(scan, found)


@pytest.fixture
def run(owner):
    """A run of a job that is held."""
    with db.atomic():
        job = queue.submit(owner.actor, "dataset.validate", {})
    claimed = states.claim("here:1:1", None)
    assert claimed.pk == job.pk
    return Run(claimed, registry.find(claimed.kind))


def offered(run, scan) -> staged.Offer:
    scan.refresh_from_db()
    return staged.offer(run, scan.session.target, SAID)


def test_the_same_bytes_and_settings_are_taken_over_once(run, scan):
    offer = offered(run, scan)
    assert (offer.note, offer.found["report"]) == (staged.REUSED, {"grade": "GREEN"})
    assert offer.found["files"][0]["path"] == str(staged.room(scan) / "00000.parquet")
    with db.atomic():
        staged.settle(offer)
    staged.leave(offer)
    assert not staged.room(scan).exists()
    assert offered(run, scan) == staged.Offer()


def test_each_difference_is_refused_by_name_and_stays_refused(run, scan):
    def other_bytes():
        ProvisionalScan.everyone.filter(id=scan.id).update(sha256="0" * 64)

    def lost():
        staged.clear(scan.session_id)

    def damaged():
        (staged.room(scan) / "00000.parquet").write_bytes(b"sowr")

    def other_settings():
        ProvisionalScan.everyone.filter(id=scan.id).update(key="0" * 64)

    def dead():
        ProvisionalScan.everyone.filter(id=scan.id).update(state=ScanState.FOLLOWING)

    found = ProvisionalScan.everyone.get(id=scan.id).found
    for spoil, why in (
        (other_bytes, "sent again"),
        (damaged, "damaged"),
        (other_settings, "what was said"),
        (dead, "cut short"),
        (lost, "not here"),
    ):
        ProvisionalScan.everyone.filter(id=scan.id).update(state=ScanState.READY, found=found, key=scan.key, reason="",
                                                           sha256=scan.session.target.sha256)  # fmt: skip
        spoil()
        offer = offered(run, scan)
        assert offer.found is None
        assert why in offer.note
        assert offered(run, scan).note == offer.note
        scan.refresh_from_db()
        assert (scan.state, scan.found) == (ScanState.DROPPED, None)
        scan.key = staged.key(scan.session.target, SAID)


def test_an_attempt_that_lost_its_place_to_another_keeps_nothing(scan):
    ProvisionalScan.everyone.filter(id=scan.id).update(state=ScanState.FOLLOWING, room="second", found=None)
    assert not kept(scan, scan.session.target)
    scan.refresh_from_db()
    assert (scan.state, scan.room, scan.found) == (ScanState.FOLLOWING, "second", None)


def test_another_workspaces_version_is_offered_nothing(run, scan, stranger):
    version = raw.uploaded(stranger, raw.trades(), **SAID)
    assert version.sha256 == scan.session.target.sha256
    assert staged.offer(run, version, SAID) == staged.Offer()


def test_a_validation_without_its_lease_refuses_nothing(run, scan):
    Job.everyone.filter(pk=run.job.pk).update(token=run.token + 1)
    ProvisionalScan.everyone.filter(id=scan.id).update(sha256="0" * 64)
    with pytest.raises(registry.LeaseLost):
        offered(run, scan)
    scan.refresh_from_db()
    assert scan.state == ScanState.READY
    assert not LogLine.objects.filter(job=run.job).exists()
