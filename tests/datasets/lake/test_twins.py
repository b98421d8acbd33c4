"""Rows that stand in the lake do not enter again under another instrument's name, whenever they come."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datasets import review
from datasets.lake import ledger, swap, twins
from datasets.models import LakeCommit, LakeEntry, LakePartition, LakeQuarantine, LakeSketch
from tests.kit import lake, recorded
from tests.kit.lake import DAY, MONDAY
from tests.lona.worker import work
from tradenexus import db

pytestmark = pytest.mark.django_db(transaction=True)
MINUTES = "crypto_bars_1m"
DAILY = "crypto_bars_1d"


def minutes(seed: int, level: float, days: int = 1, first: int = MONDAY):
    rng = np.random.default_rng(seed)
    count = 1440 * days
    stamps = first * DAY + np.arange(count, dtype=np.int64) * 60_000_000_000
    closes = level * np.exp(np.cumsum(rng.normal(0, 1e-4, count)))
    return lake.bars(stamps, closes, rng.uniform(1, 9, count), MINUTES)


def dailies(seed: int, level: float, count: int = 30):
    rng = np.random.default_rng(seed)
    rows = lake.daily(level * np.exp(np.cumsum(rng.normal(0, 0.01, count))), volume=rng.uniform(1, 9, count))
    return rows.set_column(2, "high", pa.array(rows["close"].to_numpy() * 1.01))


def planted(clean, foreign, at, length):
    return pa.concat_tables([clean.slice(0, at), foreign.slice(at, length), clean.slice(at + length)])


@pytest.fixture
def pair(owner):
    return lake.registered(owner, "X:ETH"), lake.registered(owner, "X:BTC")


def entry(person, name):
    return LakeEntry.of(person.tenant.id).get(instrument=name)


def held(person):
    return {str(each.session): (each.entry.instrument, each.code) for each in LakeQuarantine.of(person.tenant.id)}


def test_a_block_of_last_weeks_commit_is_refused_and_its_source_named(owner, pair, tmp_path):
    eth, btc = pair
    source, clean = minutes(1, 2_500, 3), minutes(2, 60_000, 3)
    lake.put(owner, tmp_path, lake.offer(tmp_path, source, eth, MINUTES))
    lake.put(owner, tmp_path, lake.offer(tmp_path, planted(clean, source, 1500, 5), btc, MINUTES))
    assert held(owner) == {"2024-10-08": (btc, "CONTAMINATED")}
    note = LakeQuarantine.of(owner.tenant.id).get().notes
    assert note == "5 bar(s) are those of X:ETH, which stand in the lake"
    assert entry(owner, btc).rows == 2880
    assert set(LakePartition.objects.filter(entry=entry(owner, eth)).values_list("code", flat=True)) == {"OK"}


def test_four_equal_bars_may_be_chance(owner, pair, tmp_path):
    eth, btc = pair
    source, clean = minutes(1, 2_500), minutes(2, 2_600)
    lake.put(owner, tmp_path, lake.offer(tmp_path, source, eth, MINUTES))
    lake.put(owner, tmp_path, lake.offer(tmp_path, planted(clean, source, 300, 4), btc, MINUTES))
    assert held(owner) == {}
    assert entry(owner, btc).rows == 1440


def test_a_day_of_another_instrument_is_refused_and_its_neighbours_enter(owner, pair, tmp_path):
    eth, btc = pair
    source, clean = dailies(1, 100), dailies(2, 25)
    lake.put(owner, tmp_path, lake.offer(tmp_path, source, eth))
    lake.put(owner, tmp_path, lake.offer(tmp_path, planted(clean, source, 10, 1), btc))
    assert held(owner) == {"2024-10-17": (btc, "CONTAMINATED")}
    assert entry(owner, btc).rows == 29


def test_where_neither_tells_the_new_one_stays_out_and_the_old_one_is_suspected_once(owner, pair, tmp_path):
    eth, btc = pair
    rows = dailies(1, 100, 3)
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, eth))
    for key in ("one", "two"):
        done = lake.put(owner, tmp_path, lake.offer(tmp_path, rows, btc), key=key)
        assert done.summary.get("suspected", 0) == (3 if key == "one" else 0)
    assert {code for _, code in held(owner).values()} == {"CONTAMINATED"}
    assert entry(owner, btc).rows == 0
    standing = entry(owner, eth)
    assert (standing.rows, standing.revision, standing.grade, standing.amber) == (3, 1, "AMBER", 3)
    row = LakePartition.objects.filter(entry=standing).first()
    assert (row.code, row.score, row.notes) == ("FOREIGN_SUSPECT", 90, "1 bar(s) came under the name X:BTC too")


def test_rows_that_fit_enter_and_the_misplaced_ones_before_them_are_suspected(owner, pair, tmp_path):
    eth, btc = pair
    source, clean = dailies(1, 100), dailies(2, 25)
    lake.put(owner, tmp_path, lake.offer(tmp_path, planted(clean, source, 10, 1), btc))
    lake.put(owner, tmp_path, lake.offer(tmp_path, source, eth))
    assert held(owner) == {}
    assert entry(owner, eth).rows == 30
    suspected = LakePartition.objects.filter(entry=entry(owner, btc), code="FOREIGN_SUSPECT")
    assert [str(each.session) for each in suspected] == ["2024-10-17"]


def test_what_stands_is_offered_again_without_a_word(owner, pair, tmp_path):
    eth, btc = pair
    rows = dailies(1, 100, 3)
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, eth))
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, btc))
    for each in LakeQuarantine.of(owner.tenant.id):
        with db.atomic():
            review.release(owner.actor, each, "the same coin, quoted under two names")
        work()
    assert entry(owner, btc).rows == 3
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, eth))
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, btc))
    assert not LakeQuarantine.of(owner.tenant.id).filter(state="held").exists()


def test_another_workspace_and_another_table_are_no_source(owner, stranger, pair, tmp_path):
    eth, btc = pair
    lake.registered(stranger, btc)
    lake.put(owner, tmp_path, lake.offer(tmp_path, minutes(1, 100), eth, MINUTES))
    lake.put(stranger, tmp_path, lake.offer(tmp_path, minutes(1, 100), btc, MINUTES))
    same = minutes(1, 100).cast(pa.schema(minutes(1, 100).schema))
    lake.put(owner, tmp_path, lake.offer(tmp_path, same, btc, "equities_bars_minute"))
    assert held(owner) == held(stranger) == {}


def test_the_sketch_is_of_what_stands(owner, pair, tmp_path):
    eth, btc = pair
    lake.put(owner, tmp_path, lake.offer(tmp_path, minutes(1, 100).slice(0, 700), eth, MINUTES))
    first = LakeSketch.objects.get()
    lake.put(owner, tmp_path, lake.offer(tmp_path, minutes(1, 100), eth, MINUTES))
    assert LakeSketch.objects.get().id == first.id
    assert len(LakeSketch.objects.get().marks) == 288 * 8
    lake.put(owner, tmp_path, lake.offer(tmp_path, minutes(1, 100), btc, MINUTES))
    assert LakeSketch.objects.count() == 1  # what was refused does not stand


def test_many_instruments_are_asked_for_in_one_statement_a_table(owner, tmp_path, monkeypatch):
    names = [lake.registered(owner, f"X:N{number}") for number in range(12)]
    put = [lake.offer(tmp_path, minutes(number, 100 + number), name, MINUTES) for number, name in enumerate(names)]
    put += [lake.offer(tmp_path, dailies(number, 100 + number, 1), name) for number, name in enumerate(names)]
    lake.put(owner, tmp_path, *put)
    shifted = [minutes(100 + number, 100 + number, first=MONDAY + 1) for number in range(12)]
    real, found = twins.find, []

    def counted(*given):
        with CaptureQueriesContext(connection) as asked:
            pairs = real(*given)
        found.append((len(asked), pairs))
        return pairs

    monkeypatch.setattr(twins, "find", counted)
    more = [lake.offer(tmp_path, rows, name, MINUTES) for rows, name in zip(shifted, names, strict=True)]
    lake.put(owner, tmp_path, *more)
    assert found == [(1, {})]


def test_rows_that_another_commit_brought_in_between_are_seen(owner, pair, tmp_path, monkeypatch):
    eth, btc = pair
    source, clean = dailies(1, 100), dailies(2, 25)
    real, done = swap.into_catalog, []

    def late(*given):
        if not done:
            done.append(True)
            lake.put(owner, tmp_path, lake.offer(tmp_path, source, eth))
        return real(*given)

    monkeypatch.setattr("datasets.lake.commit.swap.into_catalog", late)
    lake.put(owner, tmp_path, lake.offer(tmp_path, planted(clean, source, 10, 1), btc))
    assert held(owner) == {"2024-10-17": (btc, "CONTAMINATED")}
    assert LakeCommit.of(owner.tenant.id).count() == 2


def test_an_override_of_a_suspected_session_stays(owner, pair, tmp_path):
    eth, btc = pair
    rows = dailies(1, 100, 1)
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, eth))
    with db.atomic():
        until = db.now().replace(year=db.now().year + 1)
        day = LakePartition.objects.get(entry=entry(owner, eth)).session
        ledger.override(owner.actor, entry(owner, eth), day, "GREEN", "seen at the venue", until)
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, btc))
    assert entry(owner, eth).grade == "GREEN"


def test_real_ether_under_another_name_is_refused_bar_for_bar(owner, realdata, tmp_path):
    ether = recorded.between(recorded.ether(realdata, "4h"), "2021-01-01", "2021-06-01")
    eth, other = lake.registered(owner, "COINBASE:ETH-USD"), lake.registered(owner, "COINBASE:SOL-USD")
    lake.put(owner, tmp_path, lake.offer(tmp_path, ether, eth, "crypto_bars_4h"))
    half = recorded.between(ether, "2021-03-01", "2021-04-01")
    lake.put(owner, tmp_path, lake.offer(tmp_path, half, other, "crypto_bars_4h"))
    found = LakeQuarantine.of(owner.tenant.id)
    assert found.count() == 31
    assert {each.notes for each in found} == {"6 bar(s) are those of COINBASE:ETH-USD, which stand in the lake"}
    assert entry(owner, other).rows == 0
    assert entry(owner, eth).amber == 0  # its own months before and after say whose they are


@pytest.mark.parametrize("policy", ["refuse", "newer"])
def test_a_real_month_of_ibm_does_not_enter_as_microsoft(owner, realdata, tmp_path, policy):
    table = "equities_bars"
    ibm, msft = (
        lake.registered(owner, "XNYS:IBM", "equity", "XNYS"),
        lake.registered(owner, "XNAS:MSFT", "equity", "XNYS"),
    )
    rows = {name: recorded.shares(realdata, name[5:])[0] for name in (ibm, msft)}
    wrong = recorded.between(rows[ibm], "2008-03-01", "2008-04-01")
    own = recorded.between(rows[msft], "2007-01-01", "2009-01-01")
    if policy == "refuse":  # the month was missing
        stamps = own["ts_event"].cast(pa.int64()).to_numpy()
        own = own.filter(pa.array(~np.isin(stamps, wrong["ts_event"].cast(pa.int64()).to_numpy())))
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows[ibm], ibm, table), lake.offer(tmp_path, own, msft, table))
    assert held(owner) == {}
    lake.put(owner, tmp_path, lake.offer(tmp_path, wrong, msft, table, policy=policy))
    found = LakeQuarantine.of(owner.tenant.id)
    assert {(each.entry.instrument, each.code, each.notes) for each in found} == {
        (msft, "CONTAMINATED", "1 bar(s) are those of XNYS:IBM, which stand in the lake")
    }
    assert found.count() == wrong.num_rows == 20
    assert entry(owner, msft).rows == own.num_rows
    assert "FOREIGN_SUSPECT" not in LakePartition.objects.filter(entry=entry(owner, ibm)).values_list("code", flat=True)
    listed = owner.api.get("/v1/lake/quarantine").json()["items"]
    assert all("XNYS:IBM" in each["notes"] for each in listed)


def test_real_shares_have_no_bar_in_common(owner, realdata, tmp_path):
    for venue, ticker in (("XNAS", "AAPL"), ("XNAS", "GOOG"), ("XNAS", "MSFT"), ("XNYS", "IBM")):
        name = lake.registered(owner, f"{venue}:{ticker}", "equity", "XNYS")
        lake.put(owner, tmp_path, lake.offer(tmp_path, recorded.shares(realdata, ticker)[0], name, "equities_bars"))
    assert held(owner) == {}
    assert LakePartition.objects.filter(mark__isnull=False).count() == LakePartition.objects.filter(rows=1).count()
