"""Where nothing was traded, as vendors say: it is written to the ledger, and believed only where nothing denies it."""

import pytest

from backfill.vendors import errors
from datasets.lake import ledger
from datasets.models import LakeCommit, LakeEntry, LakePartition
from tests.kit import lake
from tests.kit import ranged as vendor
from tests.kit.lake import DAY, MONDAY

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = DAY // 24
WHOLE = {(MONDAY + number) * DAY: 100.0 + number / 8 for number in range(20)}


def without(*numbers):
    return {at: close for at, close in WHOLE.items() if at // DAY - MONDAY not in numbers}


def only(*numbers):
    return {at: close for at, close in WHOLE.items() if at // DAY - MONDAY in numbers}


@pytest.fixture
def holed(owner, tmp_path):
    """Put an entry of a vendor into the lake that lacks some days."""

    def put(*lacking, name="X:A", by="ranged"):
        lake.registered(owner, name)
        rows = without(*lacking)
        lake.put(owner, tmp_path, lake.offer(tmp_path, lake.bars(list(rows), list(rows.values())), name, vendor=by))

    return put


def entry(person, name="X:A"):
    return LakeEntry.of(person.tenant.id).get(instrument=name, table="crypto_bars_1d")


def verdict(number, name="X:A"):
    rows = LakePartition.objects.filter(entry__instrument=name, entry__table="crypto_bars_1d")
    return rows.get(session=ledger.to_date(MONDAY + number))


def test_a_session_without_trade_is_written_to_the_ledger_and_found_no_more(owner, holed, ranged, repaired):
    holed(3)
    repair, (item,) = repaired(owner)
    assert (item["outcome"], item["benign"], item["code"]) == ("no_data", True, "VENDOR_NO_DATA")
    assert item["reason"] == "the vendor says that nothing was traded in 1 session (ranged)"
    told = verdict(3)
    assert (told.code, told.status, told.vendor, told.commit.source) == ("NO_DATA", "GREEN", "ranged", repair["id"])
    for words in ("ranged says that nothing was traded", "nothing in this range", "VENDOR_NO_DATA", repair["id"]):
        assert words in told.notes
    assert (entry(owner).grade, entry(owner).quality_score) == ("GREEN", 100.0)
    assert item["vendors"][0]["absent"] == ["2024-10-10"]
    assert item["vendors"][0]["commitId"] == told.commit.ref
    again, none = repaired(owner)
    assert (again["found"]["gaps"], none) == (0, [])


def test_the_page_of_the_entry_and_of_the_repair_say_why(owner, holed, ranged, repaired, client):
    holed(3)
    repair, _ = repaired(owner)
    client.force_login(owner.user)
    base = "/lakehouse/crypto_bars_1d/X:A/"
    for path in (base, f"{base}ledger/?day=2024-10-10", f"/lakehouse/repairs/{repair['id']}/"):
        assert "nothing was traded" in client.get(path).content.decode(), path
    made = LakeCommit.of(owner.tenant.id).get(operation="repair")
    assert "2024-10-10" in client.get(f"/lakehouse/commits/{made.ref}/").content.decode()


def test_rows_on_both_sides_and_none_between_say_the_same(owner, holed, ranged, repaired):
    """Holes close together are asked for as one range: the answer holds what stands between them."""
    holed(3, 5, 7)
    ranged["ranged"] = without(3, 5, 7)
    _, (item,) = repaired(owner)
    assert (item["outcome"], item["vendors"][0]["rows"]) == ("no_data", 2)
    assert [verdict(number).code for number in (3, 5, 7)] == ["MISSING", "NO_DATA", "MISSING"]
    assert "does not reach past it" in item["reason"]
    assert "ranged has rows before and after it and none in it" in verdict(5).notes


def test_what_came_beside_it_is_filled_and_the_rest_is_empty(owner, holed, ranged, repaired):
    holed(3, 4, 5)
    ranged["ranged"] = without(4)
    _, (item,) = repaired(owner)
    assert (item["outcome"], item["filled"], verdict(4).code) == ("partly", 2, "NO_DATA")


def test_several_entries_are_written_at_once(owner, holed, ranged, repaired):
    holed(3, name="X:A")
    holed(6, name="X:B")
    _, items = repaired(owner)
    assert {item["outcome"] for item in items} == {"no_data"}
    assert (verdict(3).code, verdict(6, "X:B").code) == ("NO_DATA", "NO_DATA")
    assert verdict(3).commit == verdict(6, "X:B").commit


def test_a_later_answer_with_rows_takes_its_place_in_a_revision(owner, holed, ranged, repaired):
    holed(3)
    repaired(owner)
    ranged["ranged"] = WHOLE
    assert repaired(owner)[1] == []
    _, (item,) = repaired(owner, again=True)
    assert (item["outcome"], verdict(3).code, verdict(3).rows, entry(owner).revision) == ("repaired", "OK", 1, 2)
    said = LakeCommit.of(owner.tenant.id).filter(operation="repair").order_by("created_at").first()
    assert said.summary["absent"]["first"][0]["session"] == "2024-10-10"


def test_asked_again_the_same_word_changes_nothing_but_who_said_it_last(owner, holed, ranged, repaired):
    holed(3)
    first, _ = repaired(owner)
    second, (item,) = repaired(owner, again=True)
    assert (item["outcome"], item["filled"], entry(owner).revision) == ("no_data", 0, 1)
    assert verdict(3).commit.source == second["id"] != first["id"]


@pytest.mark.parametrize(
    "told",
    [
        errors.NoData("I should have it"),
        errors.NotEntitled("not for you"),
        errors.Malformed("odd"),
        errors.AccessDenied("who are you"),
        errors.Transient("no answer"),
    ],
)
@pytest.mark.parametrize("who", ["ranged", "other"])
def test_an_answer_that_is_none_or_an_error_of_anybody_leaves_it_missing(owner, holed, ranged, repaired, told, who):
    holed(3)
    ranged[who] = told
    repaired(owner)
    assert verdict(3).code == "MISSING"


def test_an_answer_that_was_cut_short_leaves_it_missing(owner, holed, ranged, repaired):
    holed(3, 4, 5)
    ranged["ranged"] = only(3, 4)
    _, (item,) = repaired(owner)
    assert (item["outcome"], verdict(5).code) == ("partly", "MISSING")
    assert "the answer of ranged does not reach past it" in item["reason"]


def test_another_vendor_whose_answer_was_cut_short_leaves_it_missing(owner, holed, ranged, repaired):
    holed(8)
    ranged["other"] = only(0, 1, 2, 3, 4, 5, 6)
    _, (item,) = repaired(owner)
    assert (item["outcome"], verdict(8).code) == ("no_data", "MISSING")
    assert "the answer of other does not reach past it" in item["reason"]


def test_days_before_the_vendor_has_anything_are_not_called_empty(owner, holed, ranged, repaired):
    holed()
    vendor.SINCE.update(ranged=(MONDAY - 2) * DAY, other=(MONDAY + 30) * DAY)
    repaired(owner, **{"from": "2024-10-01"})
    rows = LakePartition.objects.filter(session__lt="2024-10-07").values_list("session", "code")
    told = sorted((str(session), code) for session, code in rows)
    assert told == [("2024-10-05", "NO_DATA"), ("2024-10-06", "NO_DATA")]


def test_a_vendor_that_does_not_say_since_when_is_believed_from_its_own_first_row_on(owner, holed, ranged, repaired):
    holed()
    _, (item,) = repaired(owner, **{"from": "2024-10-05"})
    assert item["outcome"] == "no_data"
    assert "it is not within what ranged is known to have" in item["reason"]
    assert not LakePartition.objects.filter(session__lt="2024-10-07", code="NO_DATA").exists()


def test_days_after_all_rows_are_not_called_empty(owner, holed, ranged, repaired):
    holed()
    repaired(owner, to="2024-10-29")
    assert not LakePartition.objects.filter(code="NO_DATA").exists()


def test_what_a_vendor_never_had_it_cannot_call_empty(owner, holed, ranged, repaired):
    """Somebody else's rows: this vendor has none of them, so that it lacks this one too says nothing."""
    holed(3, by="upload")
    _, (item,) = repaired(owner)
    assert (item["outcome"], verdict(3).code) == ("no_data", "MISSING")


def test_rows_in_the_lake_where_the_vendor_says_it_has_none_speak_against_it(owner, holed, ranged, repaired):
    holed(3, 5)
    _, (item,) = repaired(owner)
    assert (item["outcome"], verdict(3).code, verdict(5).code) == ("no_data", "MISSING", "MISSING")
    assert "had nothing either where rows stand in the lake" in item["reason"]


def hourly(owner, folder, number):
    stamps = [(MONDAY + number) * DAY + hour * HOUR for hour in range(24)]
    rows = lake.bars(stamps, [50.0 + hour / 16 for hour in range(24)], table="crypto_bars_1h")
    lake.put(owner, folder, lake.offer(folder, rows, "X:A", "crypto_bars_1h", vendor="ranged"))


def test_rows_of_another_table_contradict_the_vendor(owner, holed, ranged, repaired, tmp_path):
    holed(3)
    hourly(owner, tmp_path, 3)
    _, (item,) = repaired(owner)
    assert (item["outcome"], item["benign"]) == ("no_data", False)
    assert "crypto_bars_1h has 24 row(s) of 2024-10-10" in item["reason"]
    assert (verdict(3).code, verdict(3).status) == ("MISSING", "RED")


def test_what_was_believed_is_looked_at_again_once_another_table_contradicts_it(
    owner, holed, ranged, repaired, settings, tmp_path
):
    holed(3)
    repaired(owner)
    hourly(owner, tmp_path, 3)
    again, _ = repaired(owner)
    assert (again["found"]["gaps"], again["found"]["known"], verdict(3).code) == (1, 1, "NO_DATA")
    settings.NEXUS_REPAIR_ASK_AGAIN_DAYS = 0
    repaired(owner)
    assert verdict(3).code == "MISSING"


def test_bars_that_are_missing_inside_a_session_stay_missing_rows(owner, ranged, repaired, tmp_path):
    lake.registered(owner, "X:A")
    hours = {MONDAY * DAY + n * HOUR: 100.0 + n / 64 for n in range(72) if n not in (5, 6)}
    rows = lake.bars(list(hours), list(hours.values()), table="crypto_bars_1h")
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, "X:A", "crypto_bars_1h", vendor="ranged"))
    repaired(owner)
    assert set(LakePartition.objects.values_list("code", flat=True)) == {"OK", "MISSING_ROWS"}


def test_what_a_vendor_said_in_a_run_before_counts_with_what_the_next_one_says_now(owner, holed, ranged, repaired):
    holed(3)
    ranged["other"] = errors.NotEntitled("not for you")
    assert repaired(owner)[1][0]["outcome"] == "failed"
    ranged["other"] = {}
    _, (item,) = repaired(owner)
    assert ([each["vendor"] for each in item["vendors"]], verdict(3).code) == (["other", "ranged"], "NO_DATA")
    assert verdict(3).vendor == "ranged"
