"""Refused rows become a version, are judged again, and enter only when they are good; good history stays."""

import numpy as np
import pyarrow as pa
import pytest

from datasets.lake import scan
from datasets.models import DatasetVersion, LakeCommit, LakeEntry, LakeMember, LakePartition, LakeQuarantine
from datasets.storage import blobs
from tests.kit import lake
from tests.lona.worker import work
from tradenexus.audit.models import Entry
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
CENTS = [{"op": "scale", "columns": ["open", "high", "low", "close"], "factor": 0.01, "mustMatch": True}]
WHY = "the vendor quoted cents that day"


@pytest.fixture
def held(owner, tmp_path):
    """Five hundred days over two years; one, in the first, is in cents."""
    closes = 100 + np.arange(500) / 8
    closes[50] *= 100
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes), lake.registered(owner)))
    return LakeQuarantine.of(owner.tenant.id).get()


def ask(person, held, steps=CENTS, **more):
    more = {"reason": WHY, "commit": True, **more}
    return person.api.post(f"/v1/lake/quarantine/{held.ref}:fix", {"steps": steps, **more}, format="json")


def done(person, held, steps=CENTS, **more):
    answer = ask(person, held, steps, **more)
    assert answer.status_code == 202, answer.data
    work()
    job = person.api.get(f"/v1/jobs/{answer.data['job']['id']}").data["job"]
    held.refresh_from_db()
    return job["result"] if job["state"] == "succeeded" else job["error"]


def segments(entry):
    rows = LakeMember.objects.filter(entry=entry, until_revision=None).order_by("span_start_ns")
    return [row.segment.sha256 for row in rows.select_related("segment")]


def test_fixed_rows_enter_and_the_rest_of_the_history_keeps_its_bytes(owner, held):
    entry, before = held.entry, segments(held.entry)
    bytes_held = (held.sha256, held.key, held.rows)
    told = done(owner, held)
    assert (told["committed"], told["added"], told["replaced"]) == (True, 1, 0)
    assert told["grade"] in ("GREEN", "AMBER")
    version = DatasetVersion.of(owner.tenant.id).get()
    assert (version.operation, version.status, version.quarantine, version.parent) == ("fix", "ready", held, None)
    assert version.dataset.vendor == "replay"
    commit = LakeCommit.of(owner.tenant.id).get(operation="fix")
    assert (held.state, held.fixed_in, held.settled_reason) == ("fixed", commit, WHY)
    assert commit.source == version.ref
    assert (held.sha256, held.key, held.rows) == bytes_held
    assert blobs.exists(held.key)
    after = segments(entry)
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True, True]
    rows = pa.concat_tables(scan.tables_of(scan.locate(LakeEntry.of(owner.tenant.id).get())))
    assert rows.num_rows == 500
    assert rows.column("close")[50].as_py() == pytest.approx(106.25)
    assert LakePartition.objects.get(entry=entry, session=held.session).status == "GREEN"
    audit = Entry.of(owner.tenant.id).get(subject=held.ref, new="fixed")
    assert (audit.details["commitId"], audit.details["versionId"], audit.reason) == (commit.ref, version.ref, WHY)


def test_without_commit_a_version_is_made_and_the_lake_stays(owner, held):
    told = done(owner, held, commit=False)
    assert (told["committed"], told["rows"]) == (False, 1)
    assert (held.state, LakeCommit.of(owner.tenant.id).count()) == ("held", 1)
    again = done(owner, held)
    assert (again["versionId"], again["committed"], held.state) == (told["versionId"], True, "fixed")
    assert DatasetVersion.of(owner.tenant.id).count() == 1


def test_what_is_still_toxic_stays_out_and_says_so(owner, held):
    before = segments(held.entry)
    told = done(owner, held, [{**CENTS[0], "factor": 0.5}])
    assert told["committed"] is False
    assert "stay out as well, TOXIC" in told["why"]
    assert (held.state, segments(held.entry)) == ("held", before)
    assert LakeEntry.of(owner.tenant.id).get().rows == 499
    second = done(owner, held)
    assert (second["committed"], second["version"], held.state) == (True, 2, "fixed")


def test_a_version_without_rows_is_red_and_is_not_offered(owner, held):
    told = done(owner, held, [{"op": "drop", "where": [{"column": "close", "op": ">", "value": 1000}]}])
    assert (told["grade"], told["committed"]) == ("RED", False)
    assert "not offered" in told["why"]
    assert (held.state, LakeCommit.of(owner.tenant.id).count()) == ("held", 1)


def test_values_that_stand_in_the_lake_are_replaced_only_when_asked_for(owner, tmp_path):
    name, day = lake.registered(owner), lake.MONDAY + 50
    closes = 100 + np.arange(100) / 8
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes), name))
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([10_700.0], day), name), key="restated")
    held = LakeQuarantine.of(owner.tenant.id).get()
    before = segments(held.entry)
    assert done(owner, held)["code"] == "LAKE_ROWS_DIFFER"
    assert (held.state, segments(held.entry)) == ("held", before)
    told = done(owner, held, policy="newer")
    assert (told["committed"], told["replaced"], held.state) == (True, 1, "fixed")


def moving(closes):
    """Daily bars whose price moves: one that stands still is no mark of whose it is."""
    rows = lake.daily(closes)
    return rows.set_column(rows.schema.get_field_index("high"), "high", [closes * 1.01])


def test_rows_of_another_instrument_do_not_enter_alone_either(owner, tmp_path):
    one, other = (lake.registered(owner, f"BINANCE:{symbol}-BTC") for symbol in ("ETH", "XMR"))
    near, far = 100 + np.arange(60) / 8, 300 + np.arange(60) / 4
    near[30] = far[30]
    offers = [lake.offer(tmp_path, moving(each), name) for each, name in ((near, one), (far, other))]
    lake.put(owner, tmp_path, *offers)
    held = LakeQuarantine.of(owner.tenant.id).get()
    assert (held.entry.instrument, held.code) == (one, "CONTAMINATED")
    assert f"those of {other}" in held.notes
    told = done(owner, held, [{"op": "clip_range", "from": "2000-01-01"}])
    assert told["committed"] is False
    assert "CONTAMINATED" in told["why"]
    assert LakeEntry.of(owner.tenant.id).get(instrument=one).rows == 59
    assert LakeEntry.of(owner.tenant.id).get(instrument=other).rows == 60


def test_a_preview_tells_what_would_be_and_makes_nothing(owner, held):
    answer = ask(owner, held, preview=True, commit=False, reason="")
    assert answer.status_code == 202
    work()
    result = Job.of(owner.tenant.id).get(kind="lake.fix.preview").result
    (step,) = result["steps"]
    assert (step["touched"], step["samples"][0]["after"]["close"]) == (1, pytest.approx(106.25))
    assert DatasetVersion.of(owner.tenant.id).count() == 0
    held.refresh_from_db()
    assert held.state == "held"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"reason": "short"}, "VALIDATION_ERROR"),
        ({"reason": ""}, "VALIDATION_ERROR"),
        ({"steps": [{"op": "melt"}]}, "RECIPE_INVALID"),
        ({"policy": "rank"}, "VALIDATION_ERROR"),
    ],
)
def test_what_is_not_well_said_is_refused_at_once(owner, held, more, code):
    answer = ask(owner, held, **more)
    assert (answer.status_code, answer.data["error"]["code"]) == (400, code)
    assert not DatasetVersion.of(owner.tenant.id).exists()


def test_strangers_viewers_and_second_settlements_are_refused(owner, stranger, viewer, held):
    assert ask(stranger, held).status_code == 404
    assert ask(viewer, held).status_code == 403
    done(owner, held)
    answer = ask(owner, held)
    assert (answer.status_code, answer.data["error"]["code"]) == (409, "QUARANTINE_SETTLED")


def test_a_replayed_request_is_the_same_job_and_the_same_version(owner, held):
    first, again = ask(owner, held), ask(owner, held)
    assert first.data["job"]["id"] == again.data["job"]["id"]
    assert first.data["outputVersionId"] == again.data["outputVersionId"]
