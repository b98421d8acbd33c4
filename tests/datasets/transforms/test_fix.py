"""A fix makes version n+1, judged like an upload; the parent stays as it is, RED or good."""

import pytest

from datasets import lineage, validation, versions
from datasets.lifecycle import StateConflict
from datasets.models import DatasetVersion, QualityReport, Status, VersionFile
from tests.kit import factories, raw
from tests.lona.worker import work
from tradenexus import db
from tradenexus.audit.models import Entry
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
DROP = [{"op": "drop", "check": "ohlc.high_low"}]
FAR = [{"op": "drop", "where": [{"column": "close", "op": ">", "value": 1e6}]}]


def bars(*more):
    """Return hourly bars; three in a hundred have their high below the low, which is RED."""
    rows = [
        f"{1_700_002_800 + at * 3600},{'AB'[at % 2]},10,{5 if at % 32 < 1 else 12},8,10,{at}\n" for at in range(200)
    ]
    return ("time,symbol,open,high,low,close,volume\n" + "".join([*rows, *more])).encode()


@pytest.fixture
def red(owner):
    return judged(owner, bars())


def judged(person, data, **said):
    version = raw.uploaded(person, data, **said)
    with db.atomic():
        validation.request(person.actor, version.dataset, 1, {})
    work()
    version.refresh_from_db()
    return version


def ask(person, source, steps, **more):
    path = f"/v1/datasets/{source.dataset.ref}/transform/fix"
    return person.api.post(path, {"steps": steps, **more}, format="json")


def made(person, source, steps, **more):
    answer = ask(person, source, steps, **more)
    assert answer.status_code == 202, answer.data
    work()
    return DatasetVersion.of(person.tenant.id).get(number=answer.data["outputVersion"], dataset=source.dataset)


def test_a_red_version_becomes_a_good_one_and_stays_what_it_was(owner, red):
    assert (red.status, red.sealed_at, red.grade) == ("validation_failed", None, "RED")
    before = {name: getattr(red, name) for name in ("status", "sha256", "raw_key", "params", "updated_at")}
    fixed = made(owner, red, DROP, note="the vendor swapped two columns")
    assert (fixed.number, fixed.status, fixed.operation, fixed.parent) == (2, "ready", "fix", red)
    assert fixed.grade in ("GREEN", "AMBER")
    assert fixed.row_count == 193
    assert fixed.params["counts"] == {"rowsIn": 200, "rowsOut": 193, "touched": [7]}
    assert fixed.params["note"] == "the vendor swapped two columns"
    report = QualityReport.of(owner.tenant.id).get(version=fixed)
    assert report.body["derivedFrom"] == red.ref
    assert report.body["recipe"]["steps"][0]["samples"][0]["before"]["high"] == 5.0
    red.refresh_from_db()
    assert {name: getattr(red, name) for name in before} == before
    states = Entry.of(owner.tenant.id).filter(subject=fixed.ref, action="version.status").order_by("seq")
    assert [(each.old, each.new) for each in states] == [("transforming", "validated"), ("validated", "ready")]


def test_a_result_that_is_still_bad_is_red_sealed_and_can_be_fixed_again(owner, red):
    still = made(owner, red, FAR)
    assert (still.status, still.grade) == ("validation_failed", "RED")
    assert still.sealed_at is not None
    assert still.row_count == 200
    again = made(owner, red, DROP, version=still.number)
    assert (again.status, again.parent, again.row_count) == ("ready", still, 193)
    direct = made(owner, red, DROP, version=1)
    assert direct.content_digest == again.content_digest
    with pytest.raises(StateConflict), db.atomic():
        validation.request(owner.actor, red.dataset, still.number, {})


def test_a_good_version_is_fixed_from_its_canonical_rows_with_equal_bytes_where_nothing_changed(owner, red):
    good = made(owner, red, DROP)
    same = made(owner, red, FAR, version=good.number)
    assert (same.content_digest, same.params["counts"]["touched"]) == (good.content_digest, [0])
    only = made(owner, red, [{"op": "drop", "to": "2023-11-16", "instrument": "B"}], version=good.number)
    files = [dict(VersionFile.objects.filter(version=one).values_list("instrument", "sha256")) for one in (good, only)]
    assert files[0]["A"] == files[1]["A"]
    assert files[0]["B"] != files[1]["B"]


def test_the_same_recipe_joins_and_makes_the_same_bytes_when_made_again(owner, red):
    first, again = ask(owner, red, DROP), ask(owner, red, DROP, note="other words")
    assert again.data["outputVersionId"] == first.data["outputVersionId"]
    assert again.data["job"]["id"] == first.data["job"]["id"]
    work()
    done = ask(owner, red, DROP, version=1)
    assert done.data["outputVersionId"] == first.data["outputVersionId"]
    fixed = DatasetVersion.of(owner.tenant.id).get(number=2)
    DatasetVersion.everyone.filter(id=fixed.id).update(status=Status.ARCHIVED)
    anew = made(owner, red, DROP, version=1)
    assert (anew.number, anew.content_digest) == (3, fixed.content_digest)


def test_a_preview_tells_and_makes_nothing(owner, red):
    answer = ask(owner, red, [*DROP, {**FAR[0], "mustMatch": True}], preview=True)
    assert (answer.status_code, answer.data["outputVersionId"]) == (202, None)
    work()
    result = owner.api.get(f"/v1/jobs/{answer.data['job']['id']}").data["job"]["result"]
    assert [(step["touched"], step["refused"]) for step in result["steps"]] == [(7, False), (0, True)]
    assert (result["rowsIn"], result["rowsOut"]) == (200, 193)
    assert result["grade"] in ("GREEN", "AMBER")
    assert DatasetVersion.of(owner.tenant.id).count() == 1


def test_a_step_that_must_match_and_does_not_fails_the_job_and_a_retry_is_possible(owner, red):
    failed = made(owner, red, [{**FAR[0], "mustMatch": True}])
    assert failed.status == "transform_failed"
    assert "touches no row" in failed.status_reason
    assert failed.sealed_at is None
    job = Job.of(owner.tenant.id).get(kind="dataset.fix")
    assert job.error["code"] == "RECIPE_STEP_MATCHES_NOTHING"
    assert owner.api.post(f"/v1/jobs/{job.ref}:retry", {}, format="json").status_code == 202
    failed.refresh_from_db()
    assert failed.status == "transforming"


def test_a_wrong_step_is_refused_at_once_by_number_and_field(owner, red):
    answer = ask(owner, red, [*DROP, {"op": "scale", "columns": ["price"], "factor": 2}])
    assert (answer.status_code, answer.data["error"]["code"]) == (400, "RECIPE_INVALID")
    assert answer.data["error"]["details"] == {"step": 2, "field": "columns[0]"}
    assert DatasetVersion.of(owner.tenant.id).count() == 1


def test_strangers_and_viewers_are_refused(owner, stranger, viewer, red):
    assert ask(stranger, red, DROP).status_code == 404
    assert ask(viewer, red, DROP).status_code == 403
    assert ask(viewer, red, DROP, preview=True).status_code == 403
    assert DatasetVersion.of(owner.tenant.id).count() == 1


def test_a_replayed_key_gives_the_same_answer_and_another_body_is_refused(owner, red):
    path = f"/v1/datasets/{red.dataset.ref}/transform/fix"
    head = {"HTTP_IDEMPOTENCY_KEY": "once-and-for-all"}
    first, again = (owner.api.post(path, {"steps": DROP}, format="json", **head) for _ in range(2))
    assert first.data["outputVersionId"] == again.data["outputVersionId"]
    assert owner.api.post(path, {"steps": FAR}, format="json", **head).status_code == 409


@pytest.mark.parametrize("state", ["uploaded", "validating", "archived", "transforming"])
def test_a_version_that_was_not_judged_cannot_be_fixed(owner, state):
    version = factories.version_in(owner, state)
    answer = ask(owner, version, [{"op": "dedupe"}], version=1)
    assert (answer.status_code, answer.data["error"]["code"]) == (409, "STATE_CONFLICT")


def test_a_file_that_nobody_could_read_has_nothing_to_fix(owner):
    version = judged(owner, b"\x00\x01\x02\x03" * 100)
    assert version.status == "validation_failed"
    answer = ask(owner, version, [{"op": "dedupe"}])
    assert (answer.status_code, answer.data["error"]["code"]) == (422, "FIX_NO_ROWS")


def test_a_version_that_is_read_anew_meanwhile_is_not_fixed_by_the_old_reading(owner, red):
    answer = ask(owner, red, DROP)
    DatasetVersion.everyone.filter(id=red.id).update(plan={**red.plan, "timezone": "Europe/Berlin"})
    work()
    failed = versions.resolve(owner.tenant.id, answer.data["outputVersionId"])
    assert failed.status == "transform_failed"
    assert "read anew" in failed.status_reason


def test_the_edge_of_the_lineage_has_the_recipe_and_its_counts(owner, red):
    fixed = made(owner, red, DROP)
    (edge,) = [each for each in lineage.of_version(fixed)["edges"] if each["operation"] == "fix"]
    assert (edge["from"], edge["to"]) == (red.ref, fixed.ref)
    assert edge["params"]["steps"] == DROP
    assert edge["params"]["counts"]["touched"] == [7]


def test_trades_rest_at_validated_and_are_never_dated_by_a_guess(owner):
    version = judged(owner, raw.trades(), symbol="X")
    local = made(owner, version, [{"op": "shift", "zone": "America/New_York"}])
    assert (local.status, local.kind) == ("validated", "trades")
    assert local.start_ns == version.start_ns + 5 * 3600 * 10**9
