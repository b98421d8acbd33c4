"""Real recorded data: what a vendor does not have is remembered, what it has is put where it belongs, exactly."""

from __future__ import annotations

import gzip
import json

import pytest

from backfill.models import VendorAnswer
from datasets.lake import scan
from datasets.models import LakePartition
from tests.kit.lake import ns

pytestmark = pytest.mark.django_db(transaction=True)
ETHER, THIN = "COINBASE:ETH-USD", "FREQTRADE:UNITTEST_BTC"


def entry(person, table, name):
    return scan.entry_of(person.actor.tenant_id, table, name)


def test_the_thin_pair_lacks_717_minutes_that_the_vendor_does_not_have_either(owner, recorded, hand_in, repaired):
    hand_in(owner, [THIN])
    before = entry(owner, "crypto_bars_1m", THIN)
    repair, items = repaired(owner)
    assert repair["found"]["missing"] == 717
    assert sum(item["missing"] for item in items) == 717
    assert {(item["outcome"], item["benign"], item["filled"]) for item in items} == {("no_data", True, 0)}
    after = entry(owner, "crypto_bars_1m", THIN)
    assert (after.revision, after.digest, after.fetched_at) == (before.revision, before.digest, before.fetched_at)
    assert VendorAnswer.of(owner.tenant.id).count() == len(items)
    again, none = repaired(owner)
    assert (none, again["found"]["known"], again["spent"]) == ([], repair["found"]["gaps"], {"calls": 0, "rows": 0})


@pytest.fixture
def withheld(replaying, realdata, tmp_path):
    """Replay ether in four hours, without some candles or with all of them."""
    source = realdata / "pairs/coinbase_ethusd/ETH-USD-4h.json.gz"
    candles = json.loads(gzip.decompress(source.read_bytes()))["candles"]

    def give(lacking=lambda at: False):
        kept = [each for each in candles if not lacking(int(each["start"]) * 10**9)]
        (tmp_path / "ether.json").write_text(json.dumps({"candles": kept}))
        replaying(
            {
                "table": "crypto_bars_4h",
                "files": ["ether.json"],
                "format": "json",
                "records": "candles",
                "instrument": ETHER,
                "facts": {"type": "spot", "calendar": "24/7", "base": "ETH", "quote": "USD"},
                "time": {"column": "start", "unit": "s"},
                "columns": {name: name for name in ("open", "high", "low", "close", "volume")},
            }
        )
        return len(candles) - len(kept)

    return give


def test_a_part_that_was_withheld_and_then_given_makes_the_entry_that_a_whole_ingest_makes(
    owner, stranger, withheld, hand_in, repaired
):
    """Days in the middle, one bar alone, half a day: afterwards digest and verdicts are those of the whole."""
    withheld()
    hand_in(stranger, [ETHER])
    whole = entry(stranger, "crypto_bars_4h", ETHER)

    def lacking(at):
        days = ns("2019-03-01") <= at < ns("2019-03-20T08:00")
        return days or at == ns("2021-05-05T04:00") or ns("2022-01-02T12:00") <= at < ns("2022-01-03")

    held_back = withheld(lacking)
    hand_in(owner, [ETHER])
    assert entry(owner, "crypto_bars_4h", ETHER).rows == whole.rows - held_back
    withheld()
    repair, items = repaired(owner)
    assert repair["filled"] == held_back == 120
    made = entry(owner, "crypto_bars_4h", ETHER)
    assert (made.rows, made.digest) == (whole.rows, whole.digest)
    repaired(stranger)  # what was never recorded is called empty there, too
    assert verdicts(made) == verdicts(whole)
    assert "NO_DATA" in {code for _, codes, *_ in verdicts(made) for code in codes}
    assert sorted(item["filled"] for item in items if item["filled"]) == [1, 3, 116]
    assert {item["outcome"] for item in items} == {"repaired", "no_data"}  # 26 bars were never recorded
    assert repaired(owner)[1] == []


def verdicts(held):
    rows = LakePartition.objects.filter(entry=held).order_by("session")
    return [(each.session, each.codes, each.rows, each.digest, each.score) for each in rows]
