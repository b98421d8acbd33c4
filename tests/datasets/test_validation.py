"""Validation and candles as actions: over the API, through the queue, in real children."""

import pytest

from datasets import lifecycle, validation
from datasets.engine import children, crew
from datasets.models import DatasetVersion, QualityReport, VersionFile
from datasets.storage import blobs
from datasets.transforms import run as candles
from tests.kit import raw
from tests.lona.worker import work
from tradenexus.audit.models import Entry
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


def post(person, version, what, body=None, expect=202, **headers):
    answer = person.api.post(f"/v1/datasets/{version.dataset.ref}/{what}", body or {}, format="json", **headers)
    assert answer.status_code == expect, answer.data
    return answer.data


def validated(person, content=None, **options):
    version = raw.uploaded(person, content or raw.trades(), symbol="BTC-USD")
    post(person, version, "validate", options)
    work()
    version.refresh_from_db()
    return version


def test_trades_become_a_sealed_validated_version_with_a_report_and_an_audit_trail(owner):
    version = validated(owner)
    assert (version.status, version.kind, version.row_count, version.grade) == ("validated", "trades", 600, "GREEN")
    assert (version.symbols, version.plan["timestampUnit"]) == (["BTC-USD"], "s")
    file = VersionFile.objects.get(version=version)
    assert blobs.verify(blobs.Blob(file.key, file.size_bytes, file.sha256))
    walked = Entry.of(owner.tenant.id).filter(subject=version.ref, action="version.status").order_by("seq")
    assert [(one.old, one.new) for one in walked] == [("uploaded", "validating"), ("validating", "validated")]
    report = owner.api.get(f"/v1/datasets/{version.dataset.ref}/quality-report").data["qualityReport"]
    assert (report["grade"], report["rows"]["read"], report["rows"]["accepted"]) == ("GREEN", 600, 600)
    assert {"id", "family", "grade", "measured", "limit", "count", "samples", "explanation"} <= set(report["checks"][0])


def test_bars_go_on_to_ready(owner):
    rows = "".join(f"2024-01-{day:02d},10,12,9,11,100\n" for day in range(1, 29))
    version = validated(owner, ("date,open,high,low,close,volume\n" + rows).encode())
    assert (version.status, version.kind, version.interval) == ("ready", "bars", "1d")
    walked = Entry.of(owner.tenant.id).filter(subject=version.ref, action="version.status").order_by("seq")
    assert [one.new for one in walked] == ["validating", "validated", "ready"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<!doctype html><html><body>Sign in</body></html>", "HTML_NOT_DATA"),
        (b"\x7fELF" + b"\0" * 200, "FORMAT_UNSUPPORTED"),
        (b"FEA1" + b"\0" * 64 + b"FEA1", "FEATHER_V1_UNSUPPORTED"),
        (b"PAR1" + b"\0" * 64, "TRUNCATED_FILE"),
    ],
)
def test_a_bad_file_is_a_red_report_by_name_and_the_raw_file_is_kept(owner, content, code):
    version = validated(owner, content)
    assert (version.status, version.grade) == ("validation_failed", "RED")
    assert code in version.status_reason
    assert blobs.exists(version.raw_key)
    assert not VersionFile.objects.filter(version=version).exists()
    assert Job.of(owner.tenant.id).get(kind=validation.JOB).state == "succeeded"


def test_a_crashing_reader_ends_as_a_red_report_and_the_next_job_runs(owner, monkeypatch):
    real = children.run

    def crash(task, params, **options):
        return real("tests.kit.childtasks:segfault" if params["filename"] == "bad.csv" else task, params, **options)

    monkeypatch.setattr("datasets.validation.children.run", crash)
    bad = raw.uploaded(owner, raw.trades(), "bad.csv")
    good = raw.uploaded(owner, raw.trades(), "good.csv", symbol="X")
    for version in (bad, good):
        post(owner, version, "validate")
    work()
    states = {row.filename: row.status for row in DatasetVersion.of(owner.tenant.id)}
    assert states == {"bad.csv": "validation_failed", "good.csv": "validated"}
    bad.refresh_from_db()
    assert "READER_CRASHED" in bad.status_reason


def test_an_open_question_fails_by_name_and_its_answer_validates_the_same_bytes(owner):
    naive = "".join(f"2024-03-05 10:{at // 60:02d}:{at % 60:02d},{100 + at % 5},1\n" for at in range(600))
    version = validated(owner, ("time,price,size\n" + naive).encode())
    assert version.status == "validation_failed"
    assert "zone" in version.status_reason.lower()
    post(owner, version, "validate", {"timezone": "America/New_York"})
    work()
    version.refresh_from_db()
    assert (version.status, version.start_ns) == ("validated", 1_709_650_800_000_000_000)
    assert QualityReport.of(owner.tenant.id).get(version=version).grade == "GREEN"


def test_rejected_rows_are_counted_and_downloadable_with_their_lines(owner):
    content = raw.trades() + b"nonsense,1,1,600\n1700009999,not a price,1,601\n"
    version = validated(owner, content, thresholds={})
    report = owner.api.get(f"/v1/datasets/{version.dataset.ref}/quality-report").data["qualityReport"]
    assert report["rows"] | {"duplicatesDropped": 0} == {
        "read": 602, "accepted": 600, "rejected": 2, "duplicatesDropped": 0,
    }  # fmt: skip
    body = b"".join(owner.api.get(f"/v1/datasets/{version.dataset.ref}/rejects")).decode()
    assert [line.count('"line":602') + line.count('"line":603') for line in body.splitlines()] == [1, 1]


@pytest.mark.parametrize("status", ["uploading", "validating", "validated", "ready", "published_lona", "archived"])
def test_validation_of_a_version_in_another_state_is_a_conflict(owner, status):
    version = raw.uploaded(owner, raw.trades())
    DatasetVersion.everyone.filter(id=version.id).update(status=status)
    data = post(owner, version, "validate", expect=409)
    assert data["error"]["code"] == "STATE_CONFLICT"
    assert data["error"]["details"]["status"] == status


def test_a_replayed_key_starts_one_job_and_another_body_is_refused(owner):
    version = raw.uploaded(owner, raw.trades(), symbol="X")
    key = {"HTTP_IDEMPOTENCY_KEY": "the-same-key"}
    first = post(owner, version, "validate", **key)
    again = post(owner, version, "validate", **key)
    assert first["job"]["id"] == again["job"]["id"]
    assert Job.of(owner.tenant.id).filter(kind=validation.JOB).count() == 1
    refused = post(owner, version, "validate", {"profile": "strict"}, 409, **key)
    assert refused["error"]["code"] == "IDEMPOTENCY_KEY_CONFLICT"


def test_unknown_and_malformed_options_are_refused_by_name(owner):
    version = raw.uploaded(owner, raw.trades())
    for body, field in (({"profil": "x"}, "profil"), ({"profile": "x"}, "profile"), ({"version": 0}, "version")):
        data = post(owner, version, "validate", body, 400)
        assert field in data["error"]["details"]["fields"]
    version.refresh_from_db()
    assert version.status == "uploaded"


def test_candles_are_a_derived_version_and_the_parent_rests(owner):
    source = validated(owner)
    told = post(owner, source, "transform/candles", {"frequency": "5m"})
    work()
    output = DatasetVersion.of(owner.tenant.id).get(number=2)
    source.refresh_from_db()
    assert told["outputVersionId"] == output.ref
    assert (output.status, output.kind, output.interval, output.parent_id) == ("ready", "bars", "5m", source.id)
    assert source.status == "validated"
    assert output.grade == "GREEN"
    assert output.params == {"frequency": "5m", "price": "trade", "emptyBars": "omit", "session": None}


def test_the_same_candles_are_asked_for_twice_and_made_once(owner):
    source = validated(owner)
    first = post(owner, source, "transform/candles", {"frequency": "60m"})
    work()
    again = post(owner, source, "transform/candles", {"frequency": "1h"})
    assert first["outputVersionId"] == again["outputVersionId"]
    assert DatasetVersion.of(owner.tenant.id).count() == 2


def test_candles_from_the_same_trades_have_the_same_digest(owner, stranger):
    digests = set()
    for person in (owner, stranger):
        source = validated(person)
        post(person, source, "transform/candles", {"frequency": "1m"})
        work()
        digests.add(DatasetVersion.of(person.tenant.id).get(number=2).content_digest)
    assert len(digests) == 1


def test_several_frequencies_are_one_job_and_a_version_each_with_the_digest_of_each_alone(owner, stranger):
    source, other = validated(owner), validated(stranger)
    told = post(owner, source, "transform/candles", {"frequencies": ["5m", "1m"]})
    assert [one["frequency"] for one in told["outputs"]] == ["5m", "1m"]
    assert told["outputVersionId"] == told["outputs"][0]["outputVersionId"]
    assert Job.of(owner.tenant.id).filter(kind="dataset.candles").count() == 1
    pending = post(owner, source, "transform/candles", {"frequency": "1m"})
    assert pending["job"]["id"] == told["job"]["id"]
    work()
    for one in told["outputs"]:
        output = DatasetVersion.of(owner.tenant.id).get(number=one["outputVersion"])
        assert (output.status, output.interval, output.parent_id) == ("ready", one["frequency"], source.id)
        alone = post(stranger, other, "transform/candles", {"frequency": one["frequency"]})
        work()
        same = DatasetVersion.of(stranger.tenant.id).get(number=alone["outputVersion"])
        assert output.content_digest == same.content_digest


def test_frequencies_that_stand_are_joined_and_only_the_others_are_made(owner):
    source = validated(owner)
    first = post(owner, source, "transform/candles", {"frequency": "1m"})
    work()
    told = post(owner, source, "transform/candles", {"frequencies": ["1m", "1h"]})
    assert told["outputs"][0]["outputVersionId"] == first["outputVersionId"]
    assert told["job"]["id"] != first["job"]["id"]
    work()
    assert [one.status for one in DatasetVersion.of(owner.tenant.id).filter(parent=source)] == ["ready", "ready"]
    assert post(owner, source, "transform/candles", {"frequencies": ["1h", "1m"]})["job"]["id"] == told["job"]["id"]


def test_a_failed_job_fails_all_its_versions_and_a_retry_takes_all_back(owner, settings):
    source = validated(owner)
    told = post(owner, source, "transform/candles", {"frequencies": ["1m", "1h"]})
    enough, settings.NEXUS_CHILD_MEMORY_BYTES = settings.NEXUS_CHILD_MEMORY_BYTES, 1 << 20
    work()
    settings.NEXUS_CHILD_MEMORY_BYTES = enough
    made = DatasetVersion.of(owner.tenant.id).filter(parent=source)
    assert {one.status for one in made} == {"transform_failed"}
    assert owner.api.post(f"/v1/jobs/{told['job']['id']}:retry").status_code == 202
    assert {one.status for one in made.all()} == {"transforming"}
    work()
    assert {one.status for one in made.all()} == {"ready"}


def test_instruments_are_spread_over_children_and_nothing_shows(owner, stranger, settings, monkeypatch):
    monkeypatch.setattr(candles, "SHARE_ROWS", 1)
    settings.NEXUS_CHILD_MEMORY_BYTES = 1 << 30
    started, digests, run = [], [], children.run
    monkeypatch.setattr(crew.children, "run", lambda *given, **named: started.append(given) or run(*given, **named))
    rows = "".join(f"{1_700_000_000 + at},{'AB'[at % 2]},{at}.5,1.5\n" for at in range(400))
    for person, processes in ((owner, 1), (stranger, 2)):
        source = raw.uploaded(person, ("ts,symbol,price,size\n" + rows).encode())
        post(person, source, "validate")
        work()
        started.clear()
        settings.NEXUS_ENGINE_PROCESSES = processes
        post(person, source, "transform/candles", {"frequency": "1m"})
        work()
        assert len(started) == processes
        digests.append(DatasetVersion.of(person.tenant.id).get(number=2).content_digest)
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "frequency"),
        ({"frequency": "1m", "frequencies": ["5m"]}, "frequency"),
        ({"frequencies": []}, "frequencies"),
        ({"frequencies": ["60m", "1h"]}, "frequencies"),
    ],
)
def test_frequency_or_frequencies_is_given_once(owner, body, field):
    source = validated(owner)
    data = post(owner, source, "transform/candles", body, 400)
    assert list(data["error"]["details"]["fields"]) == [field]


@pytest.mark.parametrize("frequency", ["7x", "0m", "2w", "1.5m", ""])
def test_an_unknown_frequency_is_422_and_opens_nothing(owner, frequency):
    source = validated(owner)
    data = post(owner, source, "transform/candles", {"frequency": frequency}, 422 if frequency else 400)
    if frequency:
        assert data["error"]["code"] == "DATASET_TRANSFORM_FREQUENCY_UNSUPPORTED"
    assert DatasetVersion.of(owner.tenant.id).count() == 1


def test_candles_of_an_unvalidated_version_are_a_conflict(owner):
    version = raw.uploaded(owner, raw.trades())
    data = post(owner, version, "transform/candles", {"frequency": "1m"}, 409)
    assert data["error"]["code"] == "STATE_CONFLICT"


def test_finer_candles_than_the_bars_are_refused(owner):
    source = validated(owner)
    post(owner, source, "transform/candles", {"frequency": "5m"})
    work()
    data = post(owner, source, "transform/candles", {"frequency": "1m", "version": 2}, 422)
    assert data["error"]["code"] == "DATASET_TRANSFORM_FREQUENCY_UNSUPPORTED"


def test_a_cancelled_validation_leaves_the_version_as_it_was(owner):
    version = raw.uploaded(owner, raw.trades())
    job = post(owner, version, "validate")["job"]
    assert owner.api.post(f"/v1/jobs/{job['id']}:cancel").status_code == 202
    version.refresh_from_db()
    assert version.status == "uploaded"
    again = owner.api.post(f"/v1/jobs/{job['id']}:retry")
    assert again.status_code == 202
    version.refresh_from_db()
    assert version.status == "validating"


def test_the_verdict_of_an_attempt_that_lost_its_lease_is_not_written(owner, monkeypatch):
    version = raw.uploaded(owner, raw.trades(), symbol="X")
    post(owner, version, "validate")
    real = children.run

    def usurped(*args, **options):
        Job.everyone.filter(kind=validation.JOB).update(token=999)
        return real(*args, **options)

    monkeypatch.setattr("datasets.validation.children.run", usurped)
    from tradenexus.jobs import runner

    runner.wake()
    version.refresh_from_db()
    assert version.status == "validating"
    assert not VersionFile.objects.filter(version=version).exists()
    assert not QualityReport.of(owner.tenant.id).exists()


def test_every_working_state_has_a_way_out():
    for state in ("validating", "transforming", "publishing_lona", "uploading"):
        assert lifecycle.EDGES[state]
