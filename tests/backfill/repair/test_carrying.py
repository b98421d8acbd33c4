"""A repair from gap to row: exactly what is missing enters, within the budgets, and each range has an outcome."""

import pytest

from backfill.landing import zones
from backfill.models import RepairItem, RepairRun, VendorAnswer
from backfill.vendors import errors
from datasets.models import LakeCommit, LakeEntry, LakePartition, LakeRevision
from tests.kit import lake
from tests.kit import ranged as vendor
from tests.kit.lake import DAY, MONDAY
from tradenexus import db
from tradenexus.audit.models import Entry

pytestmark = pytest.mark.django_db(transaction=True)
DAYS = [MONDAY + number for number in range(20)]
WHOLE = {day * DAY: 100.0 + number / 8 for number, day in enumerate(DAYS)}


def without(*numbers):
    return {at: close for at, close in WHOLE.items() if at // DAY - MONDAY not in numbers}


@pytest.fixture
def holed(owner, tmp_path):
    """An entry of the preferred vendor that lacks some days."""

    def put(*lacking, name="X:A"):
        lake.registered(owner, name)
        rows = without(*lacking)
        given = lake.bars(list(rows), list(rows.values()))
        lake.put(owner, tmp_path, lake.offer(tmp_path, given, name, vendor="ranged"))

    return put


def entry(person, name="X:A"):
    return LakeEntry.of(person.tenant.id).get(instrument=name)


def digests(person, name):
    """The digest of each session's values."""
    rows = LakePartition.objects.filter(entry=entry(person, name)).order_by("session")
    return list(rows.values_list("session", "digest"))


def test_missing_sessions_are_fetched_and_filled_and_nothing_else(owner, holed, ranged, repaired, tmp_path):
    holed(3, 4, 11)
    before = entry(owner)
    ranged["ranged"] = {**WHOLE, MONDAY * DAY: 1.0}  # what stands is not restated
    repair, items = repaired(owner)
    assert (repair["state"], repair["found"]["gaps"], repair["found"]["missing"]) == ("finished", 3, 3)
    assert [(i["outcome"], i["missing"], i["filled"]) for i in items] == [("repaired", 2, 2), ("repaired", 1, 1)]
    asked = [((call.start_ns - MONDAY * DAY) // DAY, (call.end_ns - MONDAY * DAY) // DAY) for _, call in vendor.CALLS]
    assert asked == [(3, 5), (11, 12)]
    after = entry(owner)
    assert (after.rows, after.fetched_at, after.red) == (20, before.fetched_at, 0)
    lake.registered(owner, "X:WHOLE")
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.bars(list(WHOLE), list(WHOLE.values())), "X:WHOLE"))
    assert digests(owner, "X:A") == digests(owner, "X:WHOLE")
    assert zones.works() == []
    assert Entry.of(owner.tenant.id).get(action="repair.finished").details["repaired"] == 2


def test_a_second_run_directly_after_changes_nothing(owner, holed, ranged, repaired):
    holed(3, 4, 11)
    ranged["ranged"] = without(4)
    _, items = repaired(owner)
    assert [(i["outcome"], i["missing"], i["filled"]) for i in items] == [("partly", 2, 1), ("repaired", 1, 1)]
    calls, revision = len(vendor.CALLS), entry(owner).revision
    repair, again = repaired(owner)
    assert (again, repair["found"]["known"], repair["found"]["ranges"]) == ([], 1, 0)
    assert (len(vendor.CALLS), entry(owner).revision) == (calls, revision)


def test_what_a_vendor_does_not_have_is_remembered_and_asked_for_again_later(owner, holed, ranged, repaired, settings):
    holed(3)
    _, (item,) = repaired(owner)
    assert (item["outcome"], item["benign"], item["code"]) == ("no_data", True, "VENDOR_NO_DATA")
    ranged["ranged"] = ranged["other"] = WHOLE
    assert repaired(owner)[1] == []
    assert repaired(owner, again=True)[1][0]["outcome"] == "repaired"
    holed(5, 6, 8, name="X:B")
    ranged["ranged"] = ranged["other"] = {}
    repaired(owner)
    assert repaired(owner)[0]["found"]["known"] == 3
    settings.NEXUS_REPAIR_ASK_AGAIN_DAYS = 0
    ranged["other"] = WHOLE
    _, (item,) = repaired(owner)
    assert (item["outcome"], [each["vendor"] for each in item["vendors"]]) == ("repaired", ["ranged", "other"])


@pytest.mark.parametrize(
    "told", [errors.NoData("not here"), errors.NoData("none", benign=True), errors.NotEntitled("not for you")]
)
def test_the_next_vendor_is_asked_where_the_preferred_one_has_nothing(owner, holed, ranged, repaired, told):
    holed(3, 11)
    ranged["ranged"], ranged["other"] = told, WHOLE
    _, items = repaired(owner)
    assert {item["outcome"] for item in items} == {"repaired"}
    assert [each["vendor"] for each in items[0]["vendors"]] == ["ranged", "other"]
    assert items[0]["vendors"][0]["code"] == told.code
    assert VendorAnswer.of(owner.tenant.id).filter(vendor="ranged").count() == (2 if getattr(told, "benign", 0) else 0)
    verdicts = dict(LakePartition.objects.values_list("session", "vendor"))
    assert sorted(verdicts.values()).count("other") == 2


def test_what_one_vendor_fills_in_part_the_next_one_fills_up(owner, holed, ranged, repaired):
    holed(3, 4, 5)
    ranged["ranged"], ranged["other"] = without(4), WHOLE
    _, (item,) = repaired(owner)
    assert (item["outcome"], item["filled"]) == ("repaired", 3)
    assert [each["filled"] for each in item["vendors"]] == [2, 1]
    asked = [((call.start_ns // DAY - MONDAY), (call.end_ns // DAY - MONDAY)) for _, call in vendor.CALLS]
    assert asked == [(3, 6), (4 - 10, 5 + 10)]  # of another vendor also what stands beside it, to compare
    assert {row.code for row in LakePartition.objects.all()} == {"OK"}


def test_adjusted_prices_of_another_vendor_fill_no_hole(owner, holed, ranged, repaired):
    """Half of each price: alone they would look like a true fall and a rise."""
    holed(3, 4, 5)
    ranged["other"] = {at: close / 2 for at, close in WHOLE.items()}
    _, (item,) = repaired(owner)
    assert (item["outcome"], item["filled"]) == ("quarantined", 0)
    assert {row.code for row in LakePartition.objects.filter(session__range=("2024-10-10", "2024-10-12"))} == {
        "ADJUSTMENT_MIXED"
    }
    assert entry(owner).rows == 17


def test_no_vendor_that_may_is_a_failure_with_its_reason(owner, holed, ranged, repaired):
    holed(3)
    ranged["ranged"] = errors.NotEntitled("not in your contract")
    _, (item,) = repaired(owner)
    assert (item["outcome"], item["code"]) == ("failed", "VENDOR_NOT_ENTITLED")
    assert "not in your contract" in item["reason"]
    assert repaired(owner)[1][0]["outcome"] == "failed"  # it is asked again: nothing is remembered


def test_who_does_not_know_us_is_asked_once(owner, holed, ranged, repaired):
    holed(3, 11)
    ranged["ranged"], ranged["other"] = errors.AccessDenied("who are you"), WHOLE
    _, items = repaired(owner)
    assert {item["outcome"] for item in items} == {"repaired"}
    assert [name for name, _ in vendor.CALLS] == ["ranged", "other", "other"]


def test_a_fault_that_passes_is_tried_again(owner, holed, ranged, repaired):
    holed(3, 11)
    ranged["ranged"] = [errors.Transient("no answer"), WHOLE]
    _, items = repaired(owner)
    assert {item["outcome"] for item in items} == {"repaired"}
    assert {item["code"] for item in items} == {""}


def test_when_all_attempts_are_used_up_the_vendors_words_are_the_outcome(owner, holed, ranged, repaired):
    holed(3)
    ranged["ranged"] = errors.Transient("no answer at all")
    repair, (item,) = repaired(owner)
    assert (item["outcome"], item["code"], repair["state"]) == ("failed", "VENDOR_TRANSIENT", "finished")


def test_a_toxic_bar_is_quarantined_and_said_so(owner, holed, ranged, repaired):
    holed(3)
    ranged["ranged"] = {**WHOLE, (MONDAY + 3) * DAY: 9_000.0}
    _, (item,) = repaired(owner)
    assert (item["outcome"], item["filled"]) == ("quarantined", 0)
    assert entry(owner).rows == 19
    assert repaired(owner)[1] == []


@pytest.mark.parametrize(
    ("name", "value", "first", "left"),
    [
        ("NEXUS_REPAIR_RANGES", 1, ["repaired"], 1),
        ("NEXUS_REPAIR_CALLS", 1, ["repaired", "left"], 0),
        ("NEXUS_REPAIR_ROWS", 1, ["repaired", "left"], 0),
    ],
)
def test_budgets_hold_and_the_next_run_takes_what_is_left(
    owner, holed, ranged, repaired, settings, name, value, first, left
):
    holed(3, 11)
    ranged["ranged"] = WHOLE
    setattr(settings, name, value)
    repair, items = repaired(owner)
    assert ([item["outcome"] for item in items], repair["found"]["left"]) == (first, left)
    assert items[0]["start"].startswith("2024-10-10")
    assert repair["spent"] == {"calls": 1, "rows": 1}
    _, items = repaired(owner)
    assert [item["outcome"] for item in items] == ["repaired"]
    assert entry(owner).rows == 20


def test_ranges_that_came_to_nothing_stand_behind_the_others(owner, holed, ranged, repaired, settings):
    holed(3, 11)
    settings.NEXUS_REPAIR_RANGES = 1
    ranged["ranged"] = [errors.NotEntitled("no"), WHOLE]
    assert repaired(owner)[1][0]["outcome"] == "failed"
    (item,) = repaired(owner)[1]
    assert (item["outcome"], item["start"][:10]) == ("repaired", "2024-10-18")


def test_a_plan_says_what_would_be_asked_for_and_asks_nobody(owner, holed, ranged, repaired):
    holed(3, 4, 11)
    repair, items = repaired(owner, plan=True)
    assert (repair["plan"], repair["state"], vendor.CALLS) == (True, "finished", [])
    assert [(item["outcome"], item["missing"], item["kind"]) for item in items] == [
        ("planned", 2, "MISSING"),
        ("planned", 1, "MISSING"),
    ]
    assert LakeCommit.of(owner.tenant.id).count() == 1


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"entries": ["X:B"]}, {"X:B"}),
        ({"entries": ["crypto_bars_1d/X:A", "Y:*"]}, {"X:A"}),
        ({"entries": ["*:B"]}, {"X:B"}),
        ({"entries": ["crypto_bars_1h/*"]}, set()),
        ({"kinds": ["MISSING_ROWS"]}, set()),
        ({"from": "2024-10-11"}, {"X:B"}),
        ({"to": "2024-10-11"}, {"X:A"}),
    ],
)
def test_a_selection_names_entries_a_range_and_kinds(owner, holed, ranged, repaired, body, wanted):
    holed(3)
    holed(11, name="X:B")
    _, items = repaired(owner, plan=True, **body)
    assert {item["instrument"] for item in items} == wanted


def test_before_the_first_row_is_no_gap_unless_it_is_asked_for(owner, holed, ranged, repaired):
    holed(3)
    earlier = {"from": "2024-10-01"}
    assert [item["missing"] for item in repaired(owner, plan=True)[1]] == [1]
    assert sum(item["missing"] for item in repaired(owner, plan=True, **earlier)[1]) == 7
    vendor.SINCE.update(ranged=(MONDAY - 2) * DAY, other=(MONDAY - 1) * DAY)
    assert sum(item["missing"] for item in repaired(owner, plan=True, **earlier)[1]) == 3


def test_days_that_somebody_let_pass_are_no_gaps(owner, holed, ranged, repaired):
    holed(3, 11)
    body = {"status": "GREEN", "reason": "the venue was down", "until": "2027-11-01T00:00:00Z"}
    path = "/v1/lake/crypto_bars_1d/X:A/partitions/2024-10-10/override"
    assert owner.api.post(path, body, format="json").status_code == 201
    assert [item["start"][:10] for item in repaired(owner, plan=True)[1]] == ["2024-10-18"]


def test_gaps_that_no_vendor_can_fill_are_counted(owner, holed, ranged, repaired):
    holed(3, name="Z:A")
    repair, items = repaired(owner)
    assert (items, repair["found"]["noVendor"]) == ([], 1)


def test_hours_that_are_missing_are_filled_to_the_hour(owner, ranged, repaired, tmp_path):
    lake.registered(owner, "X:A")
    hours = {MONDAY * DAY + n * DAY // 24: 100.0 + n / 64 for n in range(72)}
    stands = {at: c for at, c in hours.items() if (at - MONDAY * DAY) // (DAY // 24) not in (5, 6, 40)}
    rows = lake.bars(list(stands), list(stands.values()), table="crypto_bars_1h")
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, "X:A", "crypto_bars_1h"))
    ranged["ranged"] = hours
    _, (item,) = repaired(owner)
    assert (item["kind"], item["missing"], item["outcome"], item["filled"]) == ("MISSING_ROWS", 3, "repaired", 3)
    assert LakeRevision.objects.get(number=2).changes["added"] == 3
    assert set(LakePartition.objects.values_list("code", flat=True)) == {"OK"}


def test_a_cancelled_job_ends_what_it_had_not_done(owner, holed, ranged, repaired):
    holed(3)
    repair, _ = repaired(owner, run=False)
    job = repair["jobId"]
    assert owner.api.post(f"/v1/jobs/{job}:cancel", {}, format="json").status_code in (200, 202)
    told = RepairRun.of(owner.tenant.id).get()
    assert (told.finished_at is not None, told.found["error"]["code"]) == (True, "JOB_CANCELLED")
    assert not RepairItem.objects.exists()


def test_a_retried_job_takes_up_what_failed(owner, holed, ranged, repaired, work):
    holed(3)
    ranged["ranged"] = errors.Transient("no answer")
    repair, _ = repaired(owner)
    ranged["ranged"] = WHOLE
    assert owner.api.post(f"/v1/jobs/{repair['jobId']}:retry", {}, format="json").status_code == 202
    work()
    assert RepairItem.objects.get().state == "repaired"


def test_a_staged_file_that_is_gone_is_fetched_again(owner, holed, ranged, repaired, work):
    holed(3)
    ranged["ranged"] = WHOLE
    repaired(owner, run=False)
    run = RepairRun.of(owner.tenant.id).get()
    RepairRun.of(owner.tenant.id).update(detected_at=db.now())
    start, end = (MONDAY + 3) * DAY, (MONDAY + 4) * DAY
    landed = {"vendor": "ranged", "asked": [start, end], "name": "000001.parquet", "sha256": "0", "rows": 1}
    facts = {"table": "crypto_bars_1d", "instrument": "X:A", "kind": "MISSING", "start_ns": start, "end_ns": end}
    gaps = [[start, end, 1, "MISSING"]]
    RepairItem.objects.create(run=run, number=1, missing=1, gaps=gaps, state="landed", landed=landed, **facts)
    work()
    assert RepairItem.objects.get().state == "repaired"
    assert entry(owner).rows == 20
