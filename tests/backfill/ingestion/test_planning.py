"""Fresh is what the catalog says; what has no vendor or no type is refused by name."""

from datetime import timedelta

import pytest

from backfill.ingestion import planning
from backfill.vendors.registry import VendorUnknown
from datasets.models import LakeEntry
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY
from tradenexus import db

pytestmark = pytest.mark.django_db
H = timedelta(hours=1)


def entry(person, fetched_h, due_h=None, **more):
    """An entry that was fetched so many hours ago and has its next row due in so many (negative: past)."""
    now = db.now()
    facts = {"table": "crypto_bars_1d", "instrument": "X:A", "calendar": "24/7", "vendor": "answering", **more}
    return LakeEntry.everyone.create(
        tenant=person.tenant,
        fetched_at=now - fetched_h * H,
        expected_next=None if due_h is None else now + due_h * H,
        last_ns=MONDAY * DAY,
        **facts,
    )


def planned(person, handed, **options):
    return planning.plan(person.actor, handed, planning.options(options))


@pytest.mark.parametrize(
    ("fetched_h", "due_h", "fresh"),
    [
        (1, None, True),
        (1, 5, True),
        (11, 1, True),
        (13, 5, False),  # too long ago
        (5, -2, False),  # a row became due after it was fetched
        (5, -7, True),  # it was due already when it was fetched, and was not there
        (13, -7, False),
    ],
)
def test_an_entry_is_fresh_when_it_was_fetched_lately_and_nothing_became_due(owner, answering, fetched_h, due_h, fresh):
    entry(owner, fetched_h, due_h)
    made = planned(owner, ["X:A"])
    assert [len(made.fresh), len(made.queued)] == ([1, 0] if fresh else [0, 1])


def test_how_long_data_is_fresh_can_be_asked_for(owner, answering):
    entry(owner, 20)
    assert len(planned(owner, ["X:A"], freshnessHours=24).fresh) == 1
    assert len(planned(owner, ["X:A"], freshnessHours=0).queued) == 1


def test_what_is_stale_is_fetched_from_some_days_before_its_last_row(owner, answering, settings):
    settings.NEXUS_INGEST_OVERLAP_DAYS = 3
    entry(owner, 20)
    (stale,) = planned(owner, ["X:A"]).queued
    assert (stale.why, stale.start_ns) == ("stale", (MONDAY - 3) * DAY)
    (whole,) = planned(owner, ["X:A"], full=True).queued
    assert whole.start_ns is None
    (missing,) = planned(owner, ["X:B"]).queued
    assert (missing.why, missing.start_ns) == ("missing", None)


def test_the_plan_says_itself_in_words(owner, answering):
    entry(owner, 1)
    assert planned(owner, ["X:A", "X:B", "X:C", "bad"]).words == "1 fresh, 2 will be fetched, 1 refused"
    assert planned(owner, ["X:A"]).words == "1 fresh, 0 will be fetched"


def test_another_workspaces_entry_makes_nothing_fresh(owner, stranger, answering):
    entry(stranger, 1)
    assert len(planned(owner, ["X:A"]).queued) == 1


@pytest.mark.parametrize(
    ("candidate", "code"),
    [
        ("Y:A", "INSTRUMENT_UNKNOWN"),  # nobody says what it is
        ({"instrument": "Y:A", "type": "spot"}, "VENDOR_CANNOT"),
        ({"instrument": "X:A", "table": "trades"}, "VENDOR_CANNOT"),
        ({"instrument": "X:A", "type": "equity"}, "VENDOR_CANNOT"),
        ({"instrument": "X:A", "vendor": "nobody"}, "VENDOR_UNKNOWN"),
    ],
)
def test_a_candidate_that_nobody_can_fetch_is_refused_by_name(owner, answering, candidate, code):
    made = planned(owner, ["X:B", candidate])
    assert [each.instrument for each in made.queued] == ["X:B"]
    (refused,) = made.refused
    assert refused.code == code
    assert refused.candidate in ("X:A", "Y:A")


def test_the_registrys_type_counts_before_what_a_candidate_says(owner, answering):
    lake.registered(owner, "X:A", "equity", "XNYS")
    assert planned(owner, [{"instrument": "X:A", "type": "spot"}]).refused[0].code == "VENDOR_CANNOT"


def test_an_unknown_vendor_for_all_is_refused_at_once(owner, answering):
    with pytest.raises(VendorUnknown):
        planned(owner, ["X:A"], vendor="nobody")


@pytest.mark.parametrize("policy", ["older", "NEWER", "1"])
def test_an_unknown_policy_is_refused(policy):
    with pytest.raises(Exception, match="policy is one of"):
        planning.options({"policy": policy})
