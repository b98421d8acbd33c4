"""What a commit starts from is asked by sets: a commit of more instruments is not more questions."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datasets.lake import state
from datasets.models import LakeEntry, LakeMember
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY

pytestmark = pytest.mark.django_db(transaction=True)


def offers_of(owner, folder, count: int, first: int, closes=(1.0, 2.0)):
    """Offer two days of each of so many instruments, of other prices each."""
    return [
        lake.offer(folder, lake.daily([close + number / 8 for close in closes], MONDAY + first),
                   lake.registered(owner, f"BINANCE:S{number}-BTC"))
        for number in range(count)
    ]  # fmt: skip


def committed(owner, folder, count: int, first: int) -> int:
    """Commit and return how many statements it took."""
    offers = offers_of(owner, folder, count, first)
    with CaptureQueriesContext(connection) as asked:
        lake.put(owner, folder, *offers)
    return len(asked)


def test_gathering_is_as_many_statements_for_two_instruments_as_for_twelve(owner, tmp_path):
    lake.put(owner, tmp_path, *offers_of(owner, tmp_path, 12, 0))
    counts, tenant = [], owner.actor.tenant_id
    for count in (2, 12):
        offers = offers_of(owner, tmp_path, count, 1)
        with CaptureQueriesContext(connection) as asked:
            bases = state.gather(tenant, offers)
        counts.append(len(asked))
        assert [base.entry.instrument for base in bases] == [f"BINANCE:S{number}-BTC" for number in range(count)]
        assert all([member.entry_id for member in base.members] == [base.entry.id] for base in bases)
        assert all(base.vendors == {str(MONDAY): "replay", str(MONDAY + 1): "replay"} for base in bases)
    assert counts[0] == counts[1] <= 7


def test_a_commit_asks_once_an_instrument_to_take_it_and_no_more(owner, tmp_path):
    lake.put(owner, tmp_path, *offers_of(owner, tmp_path, 12, 0))
    many, few = committed(owner, tmp_path, 12, 2), committed(owner, tmp_path, 2, 4)
    assert many - few == 10, (few, many)
    standing = LakeEntry.of(owner.actor.tenant_id).values_list("revision", "last_ns", "rows")
    later, two = (2, (MONDAY + 3) * DAY, 4), (3, (MONDAY + 5) * DAY, 6)
    assert sorted(standing) == [*[later] * 10, two, two]
    assert LakeMember.objects.filter(until_revision=None).count() == 12
