"""A vendor's word that nothing was traded: written to the ledger once, with who said it, unless something denies it."""

from datetime import UTC, datetime

import pytest

from datasets.lake import commit, ledger, swap
from datasets.models import LakeCommit, LakeEntry, LakePartition, LakeQuarantine, LakeRevision
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY
from tradenexus.audit.models import Entry

pytestmark = pytest.mark.django_db(transaction=True)
LATER = datetime(2025, 3, 1, tzinfo=UTC)
HOURLY = "crypto_bars_1h"


@pytest.fixture
def holed(owner, tmp_path):
    """Five days of which the second and the fourth are missing."""
    name = lake.registered(owner)
    lake.put(owner, tmp_path, days(tmp_path, name, 0, 2, 4))
    return name


def days(folder, name, *numbers, **more):
    stamps = [(MONDAY + number) * DAY for number in numbers]
    return lake.offer(folder, lake.bars(stamps, [100.0 + number for number in numbers]), name, **more)


def entry(person, table="crypto_bars_1d"):
    return LakeEntry.of(person.actor.tenant_id).get(table=table)


def verdict(number, table="crypto_bars_1d"):
    return LakePartition.objects.get(session=ledger.to_date(MONDAY + number), entry__table=table)


def test_a_session_in_which_nothing_was_traded_is_green_and_says_who_said_so(owner, holed, tmp_path):
    before = entry(owner)
    assert (before.grade, before.red, before.quality_score) == ("RED", 2, 60.0)
    made = lake.put(owner, tmp_path, lake.silence(holed, MONDAY + 1, fetched_at=LATER), operation="repair")
    told = verdict(1)
    assert (told.code, told.status, told.rows, told.score) == ("NO_DATA", "GREEN", 0, 100.0)
    assert (told.vendor, told.fetched_at, told.notes, told.commit) == ("replay", LATER, "closed for a holiday", made)
    assert verdict(3).code == "MISSING"
    after = entry(owner)
    assert (after.grade, after.green, after.red, after.quality_score) == ("RED", 4, 1, 80.0)
    assert (after.revision, after.digest, after.fetched_at, after.vendor) == (
        before.revision,
        before.digest,
        before.fetched_at,
        before.vendor,
    )
    lake.put(owner, tmp_path, lake.silence(holed, MONDAY + 3))
    assert (entry(owner).grade, entry(owner).quality_score) == ("GREEN", 100.0)


def test_it_is_a_commit_and_stands_in_the_audit_with_its_words(owner, holed, tmp_path):
    made = lake.put(owner, tmp_path, lake.silence(holed, MONDAY + 1), operation="repair")
    (said,) = made.summary["absent"]["first"]
    assert (said["session"], said["vendor"], said["words"]) == ("2024-10-08", "replay", "closed for a holiday")
    assert (made.summary["absent"]["sessions"], made.summary["changed"]) == (1, 0)
    assert Entry.of(owner.tenant.id).get(action="lake.repair").details["absent"] == made.summary["absent"]
    assert LakeRevision.objects.count() == 1


def test_what_was_answered_is_covered(owner, holed, tmp_path):
    before = entry(owner).coverage
    lake.put(owner, tmp_path, lake.silence(holed, MONDAY + 8))
    assert entry(owner).coverage == [*before, [(MONDAY + 8) * DAY, (MONDAY + 9) * DAY]]


def test_the_same_word_under_the_same_key_is_written_once(owner, holed, tmp_path):
    one, other = (lake.put(owner, tmp_path, lake.silence(holed, MONDAY + 1), key="said") for _ in range(2))
    assert one.id == other.id
    assert LakeCommit.of(owner.tenant.id).count() == 2


def test_later_rows_take_its_place_in_a_revision_and_the_word_is_not_lost(owner, holed, tmp_path):
    made = lake.put(owner, tmp_path, lake.silence(holed, MONDAY + 1))
    lake.put(owner, tmp_path, days(tmp_path, holed, 1, policy="fill", vendor="other"))
    assert (verdict(1).code, verdict(1).rows, verdict(1).vendor, entry(owner).revision) == ("UNCOMPARED", 1, "other", 2)
    assert LakeCommit.of(owner.tenant.id).get(id=made.id).summary["absent"]["first"][0]["session"] == "2024-10-08"


def test_a_later_commit_around_it_leaves_the_words_alone(owner, holed, tmp_path):
    made = lake.put(owner, tmp_path, lake.silence(holed, MONDAY + 1, vendor="first"))
    lake.put(owner, tmp_path, days(tmp_path, holed, 0, 2, 4, vendor="replay"))
    assert (verdict(1).code, verdict(1).vendor, verdict(1).notes) == ("NO_DATA", "first", "closed for a holiday")
    assert verdict(1).commit == made


def test_a_word_about_a_session_with_rows_changes_nothing(owner, holed, tmp_path):
    before = verdict(2)
    made = lake.put(owner, tmp_path, lake.silence(holed, MONDAY + 2))
    assert (verdict(2).code, verdict(2).rows, verdict(2).commit) == ("OK", 1, before.commit)
    assert "absent" not in made.summary


def test_a_word_about_a_day_that_the_calendar_does_not_have_is_not_kept(owner, tmp_path):
    name = lake.registered(owner, "XNYS:A", "equity", "XNYS")
    lake.put(owner, tmp_path, days(tmp_path, name, 0, 1, 2, 3, 4, table="equities_bars"))
    lake.put(owner, tmp_path, lake.silence(name, MONDAY + 5, table="equities_bars"))
    assert not LakePartition.objects.filter(session="2024-10-12").exists()


def hours(folder, name, number):
    stamps = [(MONDAY + number) * DAY + hour * DAY // 24 for hour in range(24)]
    rows = lake.bars(stamps, [50.0 + hour / 16 for hour in range(24)], table=HOURLY)
    return lake.offer(folder, rows, name, HOURLY)


def test_rows_of_another_table_contradict_it(owner, holed, tmp_path):
    lake.put(owner, tmp_path, hours(tmp_path, holed, 1))
    made = lake.put(owner, tmp_path, lake.silence(holed, MONDAY + 1, MONDAY + 3))
    assert (verdict(1).code, verdict(1).notes) == ("MISSING", "crypto_bars_1h has 24 row(s) of 2024-10-08")
    assert verdict(3).code == "NO_DATA"
    assert (made.summary["absent"]["sessions"], made.summary["absent"]["contradicted"]) == (1, 1)


def test_what_was_believed_and_is_contradicted_later_is_missing_when_it_is_said_again(owner, holed, tmp_path):
    lake.put(owner, tmp_path, lake.silence(holed, MONDAY + 1))
    lake.put(owner, tmp_path, hours(tmp_path, holed, 1))
    assert verdict(1).code == "NO_DATA"
    lake.put(owner, tmp_path, lake.silence(holed, MONDAY + 1))
    assert (verdict(1).code, verdict(1).status) == ("MISSING", "RED")


def test_rows_of_another_instrument_or_workspace_contradict_nothing(owner, stranger, holed, tmp_path):
    lake.put(owner, tmp_path, hours(tmp_path, lake.registered(owner, "BINANCE:C-D"), 1))
    lake.put(stranger, tmp_path, hours(tmp_path, lake.registered(stranger), 1))
    lake.put(owner, tmp_path, lake.silence(holed, MONDAY + 1))
    assert verdict(1).code == "NO_DATA"


def test_rows_that_wait_in_quarantine_contradict_it(owner, holed, tmp_path):
    rows = lake.bars([(MONDAY + 1) * DAY], [9_000.0])
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, holed))
    assert LakeQuarantine.of(owner.tenant.id).get().state == "held"
    lake.put(owner, tmp_path, lake.silence(holed, MONDAY + 1))
    assert (verdict(1).code, verdict(1).status) == ("TOXIC", "RED")


def test_who_is_late_reads_again_and_finds_the_rows_that_came_meanwhile(owner, holed, tmp_path, monkeypatch):
    """Between the reading and the swap another commit brings the rows."""
    truly, once = swap.into_catalog, []

    def raced(*given):
        if not once:
            once.append(True)
            lake.put(owner, tmp_path, days(tmp_path, holed, 1))
        return truly(*given)

    monkeypatch.setattr(commit.swap, "into_catalog", raced)
    lake.put(owner, tmp_path, lake.silence(holed, MONDAY + 1))
    assert (verdict(1).code, verdict(1).rows) == ("OK", 1)
