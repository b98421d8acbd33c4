"""A batch from vendor to lake: each candidate has an outcome, and none keeps another from its own."""

import pytest

from backfill.landing import zones
from backfill.models import IngestItem, IngestRun
from backfill.vendors import errors
from datasets.models import LakeCommit, LakeEntry, LakePartition, LakeRevision
from tests.kit import answering as vendor
from tests.kit.answering import page
from tests.kit.lake import DAY, MONDAY
from tradenexus import db
from tradenexus.audit.models import Entry
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


def entry(person, name="X:A"):
    return LakeEntry.of(person.tenant.id).get(instrument=name)


def test_pages_of_a_vendor_become_rows_of_the_lake(owner, answering, hand_in):
    answering["X:A"] = (page(MONDAY + 3, [103.0, 104.0]), page(MONDAY, [100.0, 101.0, 102.0]))
    item = hand_in(owner, ["X:A"])["crypto_bars_1d/X:A"]
    assert (item["outcome"], item["rows"], item["findings"]) == ("committed", 5, [])
    made = entry(owner)
    assert (made.rows, made.vendor, made.revision) == (5, "answering", 1)
    assert made.coverage == [[MONDAY * DAY, (MONDAY + 5) * DAY]]
    run = IngestRun.of(owner.tenant.id).get()
    assert run.finished_at
    assert zones.works() == []
    assert Entry.of(owner.tenant.id).get(action="ingest.finished").details["committed"] == 1
    assert LakeCommit.of(owner.tenant.id).get().source == run.ref


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (errors.NoData("not listed here"), "no_data"),
        (errors.NoData("a holiday", benign=True), "no_data"),
        (errors.NotEntitled("not in your contract"), "failed"),
        (errors.Malformed("not JSON"), "failed"),
    ],
    ids=lambda value: getattr(value, "code", value),
)
def test_an_error_of_the_vendor_is_its_candidates_outcome_alone(owner, answering, hand_in, error, outcome):
    answering["X:A"], answering["X:B"] = error, (page(MONDAY, [1.0]),)
    items = hand_in(owner, ["X:A", "X:B"])
    told = items["crypto_bars_1d/X:A"]
    assert (told["outcome"], told["code"], told["reason"]) == (outcome, error.code, error.message)
    assert items["crypto_bars_1d/X:B"]["outcome"] == "committed"


def test_who_is_not_known_is_asked_no_more(owner, answering, hand_in):
    answering["X:A"], answering["X:B"] = errors.AccessDenied("who are you"), (page(MONDAY, [1.0]),)
    items = hand_in(owner, ["X:A", "X:B"])
    assert {each["code"] for each in items.values()} == {"VENDOR_ACCESS_DENIED"}
    assert {each["outcome"] for each in items.values()} == {"failed"}
    assert [each.instrument for each in vendor.CALLS] == ["X:A"]


def test_a_fault_that_passes_is_tried_again_and_what_landed_is_not(owner, answering, hand_in):
    answering["X:A"] = (page(MONDAY, [1.0]),)
    answering["X:B"] = [errors.Transient("no answer"), (page(MONDAY, [2.0]),)]
    items = hand_in(owner, ["X:A", "X:B"])
    assert {each["outcome"] for each in items.values()} == {"committed"}
    assert [each.instrument for each in vendor.CALLS] == ["X:A", "X:B", "X:B"]
    assert items["crypto_bars_1d/X:B"]["code"] == ""


def test_a_vendor_that_wants_fewer_calls_is_left_alone_as_long_as_it_says(owner, answering, hand_in):
    from tradenexus.jobs import runner

    answering["X:A"] = [errors.RateLimited("slower", 1_234.0), (page(MONDAY, [1.0]),)]
    answering["X:B"] = (page(MONDAY, [2.0]),)
    hand_in(owner, ["X:A", "X:B"], run=False)
    runner.wake()
    job = Job.of(owner.tenant.id).get()
    assert job.state == "queued"
    assert (job.run_at - db.now()).total_seconds() > 1_200
    assert [each.instrument for each in vendor.CALLS] == ["X:A"]


def test_when_all_attempts_are_used_up_the_vendors_words_are_the_outcome(owner, answering, hand_in):
    answering["X:A"], answering["X:B"] = errors.Transient("no answer at all"), (page(MONDAY, [1.0]),)
    items = hand_in(owner, ["X:A", "X:B"])
    told = items["crypto_bars_1d/X:A"]
    assert (told["outcome"], told["code"], told["reason"]) == ("failed", "VENDOR_TRANSIENT", "no answer at all")
    assert items["crypto_bars_1d/X:B"]["outcome"] == "committed"
    job = Job.of(owner.tenant.id).get()
    assert (job.state, job.error["code"]) == ("failed", "JOB_RETRIES_EXHAUSTED")
    assert IngestRun.of(owner.tenant.id).get().finished_at


def test_a_retried_job_takes_up_what_failed(owner, answering, hand_in, work):
    answering["X:A"], answering["X:B"] = errors.Transient("no answer"), (page(MONDAY, [1.0]),)
    hand_in(owner, ["X:A", "X:B"])
    answering["X:A"] = (page(MONDAY, [3.0]),)
    job = Job.of(owner.tenant.id).get()
    assert owner.api.post(f"/v1/jobs/{job.ref}:retry", {}, format="json").status_code == 202
    assert not IngestRun.of(owner.tenant.id).get().finished_at
    work()
    assert set(IngestItem.objects.values_list("state", flat=True)) == {"committed"}
    assert IngestRun.of(owner.tenant.id).get().finished_at
    assert entry(owner, "X:B").revision == 1


def test_a_cancelled_job_ends_what_it_had_not_done(owner, answering, hand_in):
    answering["X:A"] = (page(MONDAY, [1.0]),)
    hand_in(owner, ["X:A"], run=False)
    job = Job.of(owner.tenant.id).get()
    assert owner.api.post(f"/v1/jobs/{job.ref}:cancel", {}, format="json").status_code in (200, 202)
    item = IngestItem.objects.get()
    assert (item.state, item.code) == ("failed", "JOB_CANCELLED")
    assert not LakeEntry.of(owner.tenant.id).exists()


def test_toxic_rows_are_quarantined_and_said_so(owner, answering, hand_in):
    answering["X:A"] = (page(MONDAY, [100.0, 101, 99, 900, 102]),)
    item = hand_in(owner, ["X:A"])["crypto_bars_1d/X:A"]
    assert item["outcome"] == "quarantined"
    assert {"code": "TOXIC", "status": "RED", "sessions": 1, "first": ["2024-10-10"]} in item["findings"]
    assert entry(owner).rows == 4


def test_gaps_and_single_missing_sessions_are_findings(owner, answering, hand_in):
    answering["X:A"] = (page(MONDAY, [1.0, 1.1]), page(MONDAY + 3, [1.2]), page(MONDAY + 11, [1.3]))
    findings = hand_in(owner, ["X:A"])["crypto_bars_1d/X:A"]["findings"]
    (gap,) = [each for each in findings if each["code"] == "GAP"]
    assert (gap["start"][:10], gap["end"][:10], gap["days"], gap["missingSessions"]) == (
        "2024-10-10",
        "2024-10-18",
        8.0,
        7,
    )
    (missing,) = [each for each in findings if each["code"] == "MISSING"]
    assert (missing["sessions"], missing["first"][0]) == (8, "2024-10-09")


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ((page(MONDAY, [1.0, 2.0]), page(MONDAY + 1, [2.5])), "same key and other values"),
        ((page(MONDAY, [1.0], colour=["red"]),), "other columns"),
        ((page(MONDAY, [1.0], volume=["much"]),), "do not fit"),
    ],
)
def test_an_answer_that_contradicts_itself_or_the_table_does_not_enter(owner, answering, hand_in, pages, words):
    answering["X:A"], answering["X:B"] = pages, (page(MONDAY, [1.0]),)
    items = hand_in(owner, ["X:A", "X:B"])
    told = items["crypto_bars_1d/X:A"]
    assert (told["outcome"], told["code"]) == ("failed", "VENDOR_MALFORMED")
    assert words in told["reason"]
    assert items["crypto_bars_1d/X:B"]["outcome"] == "committed"


def test_rows_that_stand_in_two_pages_alike_are_one(owner, answering, hand_in):
    answering["X:A"] = (page(MONDAY, [1.0, 2.0]), page(MONDAY + 1, [2.0, 3.0]))
    assert hand_in(owner, ["X:A"])["crypto_bars_1d/X:A"]["rows"] == 3
    assert entry(owner).rows == 3


def test_what_the_lake_refuses_of_one_is_that_ones_outcome(owner, answering, hand_in):
    answering["X:A"], answering["X:B"] = (page(MONDAY, [1.0, 1.1]),), (page(MONDAY, [2.0]),)
    hand_in(owner, ["X:A"])
    answering["X:A"] = (page(MONDAY, [1.0, 1.2]),)
    items = hand_in(owner, ["X:A", "X:B"], freshnessHours=0, policy="refuse", full=True)
    assert (items["crypto_bars_1d/X:A"]["outcome"], items["crypto_bars_1d/X:A"]["code"]) == (
        "failed",
        "LAKE_ROWS_DIFFER",
    )
    assert items["crypto_bars_1d/X:B"]["outcome"] == "committed"


def test_a_vendor_restates_its_own_rows(owner, answering, hand_in):
    answering["X:A"] = (page(MONDAY, [1.0, 1.1]),)
    hand_in(owner, ["X:A"])
    answering["X:A"] = (page(MONDAY, [1.0, 1.2]),)
    hand_in(owner, ["X:A"], freshnessHours=0)
    assert (entry(owner).revision, LakeRevision.objects.get(number=2).changes["replaced"]) == (2, 1)


@pytest.mark.parametrize(("other", "replaced"), [("replay", 0), ("", 0), ("behind", 1), ("a person", 0)])
def test_anothers_rows_are_restated_by_the_preferred_vendor_only(owner, answering, hand_in, settings, other, replaced):
    answering["X:A"] = (page(MONDAY, [1.0, 1.1]),)
    hand_in(owner, ["X:A"])
    LakePartition.objects.update(vendor=other)
    settings.NEXUS_VENDORS = ["backfill.vendors.adapters.replay", "tests.kit.answering", "tests.kit.behind"]
    answering["X:A"] = (page(MONDAY, [1.0, 1.2, 1.3]),)
    hand_in(owner, ["X:A"], freshnessHours=0)
    changes = LakeRevision.objects.get(number=2).changes
    assert (changes["added"], changes["replaced"]) == (1, replaced)


def test_asked_again_at_once_all_is_fresh_and_nothing_changes(owner, answering, hand_in):
    answering["X:A"] = (page(MONDAY, [1.0]),)
    hand_in(owner, ["X:A"])
    before = entry(owner).updated_at
    again = hand_in(owner, ["X:A"])
    assert again["crypto_bars_1d/X:A"]["outcome"] == "fresh"
    assert len(vendor.CALLS) == 1
    assert entry(owner).updated_at == before


def test_of_two_requests_at_once_the_second_finds_it_done(owner, answering, hand_in, work):
    answering["X:A"] = (page(MONDAY, [1.0]),)
    hand_in(owner, ["X:A"], run=False)
    items = hand_in(owner, ["X:A"])
    assert len(vendor.CALLS) == 1
    assert items["crypto_bars_1d/X:A"]["outcome"] == "fresh"
    assert "meanwhile" in items["crypto_bars_1d/X:A"]["reason"]


def test_a_job_commits_before_it_fetches_more_than_its_rows(owner, answering, hand_in, settings):
    settings.NEXUS_INGEST_ROWS = 3
    for name in "ABCD":
        answering[f"X:{name}"] = (page(MONDAY, [float(ord(name)), float(ord(name)) + 1]),)
    items = hand_in(owner, [f"X:{name}" for name in "ABCD"])
    assert {each["outcome"] for each in items.values()} == {"committed"}
    assert LakeCommit.of(owner.tenant.id).count() == 2
    assert len(vendor.CALLS) == 4


def test_a_staged_file_that_is_gone_is_fetched_again(owner, answering, hand_in, work):
    answering["X:A"] = (page(MONDAY, [1.0]),)
    hand_in(owner, ["X:A"], run=False)
    landed = {"name": "000001.parquet", "sha256": "0", "rows": 1, "startNs": 0, "endNs": 1, "gaps": []}
    IngestItem.objects.update(state="landed", landed={**landed, "fetchedAt": db.now().isoformat()})
    work()
    assert IngestItem.objects.get().state == "committed"
    assert entry(owner).rows == 1


def test_prices_wait_for_the_splits_they_are_judged_by(owner, hand_in, settings, answering):
    settings.NEXUS_VENDORS = ["tests.kit.splitting"]
    from tests.kit import splitting

    splitting.FAILURES[:] = [errors.Transient("no answer")]
    items = hand_in(owner, ["X:SPLIT"])
    assert [each.table for each in vendor.CALLS] == ["corporate_actions", "corporate_actions", "crypto_bars_1d"]
    assert {each["outcome"] for each in items.values()} == {"committed"}
    assert entry_of(owner, "crypto_bars_1d").rows == 3


def entry_of(person, table):
    return LakeEntry.of(person.tenant.id).get(table=table)
