"""A suspected split needs a second witness before anything is derived; what was a true fall needs none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from datasets.lake import adjusting, ledger, scan, suspects
from datasets.lake.suspects import SplitUnwitnessed
from datasets.models import LakePartition
from tests.kit import lake, recorded
from tests.kit.lake import DAY, MONDAY
from tradenexus import db

pytestmark = pytest.mark.django_db(transaction=True)
TABLE, NAME = "equities_bars", "XNAS:AAPL"
SPLIT_DAY = MONDAY + 30


@pytest.fixture
def halved(owner, tmp_path):
    """Sixty days of a share that opens at half of the close before on the thirty-first, with no burst of volume."""
    lake.registered(owner, NAME, "equity", "24/7")
    closes = 100 + np.sin(np.arange(60))
    closes[30:] /= 2
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes, table=TABLE), NAME, TABLE))
    return scan.entry_of(owner.tenant.id, TABLE, NAME)


def split(person, folder, day: int, value: float, name: str = NAME):
    stamps = np.array([day * DAY]).astype("datetime64[ns]")
    rows = lake.shaped({"ts_event": stamps, "action": ["split"], "value": [value]}, "corporate_actions")
    lake.put(person, folder, lake.offer(folder, rows, name, "corporate_actions", policy="newer"))


def reviewed(person, entry, session, status="GREEN"):
    with db.atomic():
        until = datetime.now(UTC) + timedelta(days=30)
        ledger.override(person.actor, entry, session, status, "a true fall, seen in the news", until)


def asked(person, **query):
    return person.api.get(f"/v1/lake/{TABLE}/{NAME}/rows", {"limit": 100, **query})


@pytest.mark.parametrize("kind", ["split", "all"])
def test_adjusted_prices_do_not_cross_it_and_the_refusal_says_what_settles_it(owner, halved, kind):
    answer = asked(owner, adjustment=kind)
    assert answer.status_code == 409
    error = answer.json()["error"]
    assert error["code"] == "SPLIT_UNWITNESSED"
    assert "2024-11-06" in error["message"]
    assert error["details"]["sessions"][0]["session"] == "2024-11-06"
    assert error["details"]["override"] == f"/v1/lake/{TABLE}/{NAME}/partitions/2024-11-06/override"


def test_raw_and_dividend_prices_and_those_after_it_are_read(owner, halved):
    assert len(asked(owner).json()["rows"]) == 60
    assert len(asked(owner, adjustment="dividend").json()["rows"]) == 60
    after = asked(owner, adjustment="all", start="2024-11-06")
    assert len(after.json()["rows"]) == 30
    assert asked(owner, adjustment="all", start="2024-11-05").status_code == 409
    assert asked(owner, adjustment="all", end="2024-11-01").status_code == 409  # anchored at the last session


def test_a_corporate_action_of_that_date_settles_it_and_is_applied(owner, halved, tmp_path):
    split(owner, tmp_path, SPLIT_DAY, 2.0)
    rows = asked(owner, adjustment="split").json()["rows"]
    closes = [row[4] for row in rows]
    assert max(closes) / min(closes) < 1.05
    (one,) = suspects.listed(halved)
    assert (one.settled, one.witnesses) == (True, [{"kind": "corporate action", "words": "2 new shares for one old"}])


@pytest.mark.parametrize(("day", "value"), [(SPLIT_DAY, 0.5), (SPLIT_DAY, 4.0), (SPLIT_DAY + 1, 2.0)])
def test_an_action_that_does_not_explain_the_prices_is_no_witness(owner, halved, tmp_path, day, value):
    split(owner, tmp_path, day, value)
    assert asked(owner, adjustment="split").status_code == 409
    assert [one.settled for one in suspects.listed(halved)] == [False]


def test_a_reviewers_word_settles_it_until_it_ends_or_is_taken_back(owner, halved):
    session = LakePartition.objects.get(codes__icontains="SPLIT_SUSPECT").session
    reviewed(owner, halved, session)
    assert asked(owner, adjustment="all").status_code == 200
    LakePartition.objects.filter(session=session).update(override_until=db.now() - timedelta(seconds=1))
    assert asked(owner, adjustment="all").status_code == 409
    reviewed(owner, halved, session, "RED")
    assert asked(owner, adjustment="all").status_code == 409
    reviewed(owner, halved, session, "")
    assert asked(owner, adjustment="all").status_code == 409


def test_a_suspicion_of_one_table_holds_for_the_instruments_others(owner, halved, tmp_path):
    stamps = MONDAY * DAY + np.arange(60, dtype=np.int64) * DAY + DAY // 2
    minute = lake.bars(stamps, np.full(60, 70.0), table="equities_bars_minute")
    lake.put(owner, tmp_path, lake.offer(tmp_path, minute, NAME, "equities_bars_minute"))
    other = scan.entry_of(owner.tenant.id, "equities_bars_minute", NAME)
    with pytest.raises(SplitUnwitnessed):
        adjusting.of_entry(other, "split")


def test_another_workspaces_action_is_no_witness(owner, stranger, halved, tmp_path):
    lake.registered(stranger, NAME, "equity", "24/7")
    split(stranger, tmp_path, SPLIT_DAY, 2.0)
    assert asked(owner, adjustment="split").status_code == 409
    assert stranger.api.get(f"/v1/lake/{TABLE}/{NAME}/suspects").status_code == 404


def test_the_suspects_are_listed_with_their_witnesses(owner, halved):
    (one,) = owner.api.get(f"/v1/lake/{TABLE}/{NAME}/suspects").json()["items"]
    assert (one["session"], one["settled"], one["witnesses"]) == ("2024-11-06", False, [])
    assert one["step"] == pytest.approx(0.5, abs=0.01)


def test_real_apple_two_splits_are_held_back_and_the_true_fall_is_not(owner, realdata, tmp_path):
    lake.registered(owner, NAME, "equity", "XNYS")
    rows, adjusted = recorded.shares(realdata, "AAPL")
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, NAME, TABLE))
    entry = scan.entry_of(owner.tenant.id, TABLE, NAME)
    named = {str(one.session) for one in suspects.listed(entry)}
    assert {"2000-06-21", "2005-02-28"} <= named
    assert "2000-09-29" not in named  # -52 %, a true fall
    with pytest.raises(SplitUnwitnessed) as refused:
        adjusting.of_entry(entry, "split")
    assert refused.value.details["sessions"][0]["session"] == "2000-06-21"
    for day in ("2000-06-21", "2005-02-28"):
        split(owner, tmp_path, lake.ns(day) // DAY, 2.0)
    for one in suspects.listed(entry):
        if not one.settled:
            reviewed(owner, entry, one.session)
    change = adjusting.of_entry(entry, "split")
    closes = change.apply(pa.concat_tables(scan.tables_of(scan.locate(entry))))["close"].to_numpy()
    # the file's own adjusted closes, to its cents; they also take out the dividends of 2012 and 2013
    assert np.ptp(closes[:3000] / adjusted[:3000]) < 0.01
    fall = closes[1:] / closes[:-1]
    times = rows["ts_event"].cast(pa.int64()).to_numpy()
    assert fall[np.searchsorted(times, lake.ns("2000-09-29")) - 1] == pytest.approx(0.481, abs=0.002)


def test_another_vendors_adjusted_prices_name_the_ratio_and_the_action_is_still_to_be_written(
    owner, realdata, tmp_path
):
    lake.registered(owner, NAME, "equity", "XNYS")
    rows, adjusted = recorded.shares(realdata, "AAPL")
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, NAME, TABLE, vendor="wiki"))
    factor = adjusted / rows["close"].to_numpy()
    other = rows
    for at, name in enumerate(("open", "high", "low", "close"), start=1):
        other = other.set_column(at, name, pa.array(rows[name].to_numpy() * factor))
    lake.put(owner, tmp_path, lake.offer(tmp_path, other, NAME, TABLE, vendor="second", policy="newer"))
    entry = scan.entry_of(owner.tenant.id, TABLE, NAME)
    stands = pa.concat_tables(scan.tables_of(scan.locate(entry)))
    at = lake.ns("2005-03-01") <= stands["ts_event"].cast(pa.int64()).to_numpy()
    assert stands["close"].to_numpy()[~at].tolist() == rows["close"].to_numpy()[~at].tolist()
    told = {str(one.session): one for one in suspects.listed(entry)}
    for day in ("2000-06-21", "2005-02-28"):
        assert [each["words"] for each in told[day].witnesses] == ["second: its adjusted closes step by 2 for one here"]
        assert not told[day].settled


def test_a_suspicion_outlives_an_offer_of_which_the_sessions_before_are_refused(owner, halved, tmp_path):
    closes = pa.concat_tables(scan.tables_of(scan.locate(halved)))["close"].to_numpy().copy()
    closes[:30] /= 2
    offer = lake.offer(tmp_path, lake.daily(closes, table=TABLE), NAME, TABLE, vendor="second", policy="newer")
    lake.put(owner, tmp_path, offer)
    (one,) = suspects.listed(halved)
    assert [each["words"] for each in one.witnesses] == ["second: its adjusted closes step by 2 for one here"]
    assert asked(owner, adjustment="split").status_code == 409
