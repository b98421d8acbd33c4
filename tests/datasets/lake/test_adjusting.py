"""Prices are stored raw and adjusted when read: by splits, dividends or both, as WIKI did it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from datasets.lake import adjusting, scan
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY

pytestmark = pytest.mark.django_db(transaction=True)
REAL = Path(os.environ.get("NEXUS_REALDATA", "../shared/data")) / "pairs/wiki_adjusted_daily"
NAME = "XNYS:ABC"


def actions(days, names, values):
    stamps = (np.asarray(days, dtype=np.int64) * DAY).astype("datetime64[ns]")
    return lake.shaped({"ts_event": stamps, "action": names, "value": values}, "corporate_actions")


def read(person, kind, name=NAME, as_of=None):
    entry = scan.entry_of(person.actor.tenant_id, "equities_bars", name)
    rows = pa.concat_tables(scan.tables_of(scan.locate(entry, as_of=as_of)))
    change = adjusting.of_entry(entry, kind, as_of)
    return change.apply(rows) if change else rows


@pytest.fixture
def shares(owner, tmp_path):
    """Four sessions; on the third two new shares for one old, on the fourth a dividend of 1 at a close of 49."""
    lake.registered(owner, NAME, "equity", "24/7")
    events = actions([MONDAY + 2, MONDAY + 3], ["split", "dividend"], [2.0, 1.0])
    lake.put(owner, tmp_path, lake.offer(tmp_path, events, NAME, "corporate_actions"))
    rows = lake.daily([100, 100, 50, 49], table="equities_bars")
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, NAME, "equities_bars"))
    return owner


@pytest.mark.parametrize(
    ("kind", "closes", "volumes"),
    [
        ("raw", [100, 100, 50, 49], [10, 10, 10, 10]),
        ("split", [50, 50, 50, 49], [20, 20, 10, 10]),
        ("dividend", [98, 98, 49, 49], [10, 10, 10, 10]),
        ("all", [49, 49, 49, 49], [20, 20, 10, 10]),
    ],
)
def test_each_kind_adjusts_what_came_before_the_date(shares, kind, closes, volumes):
    rows = read(shares, kind)
    assert rows["close"].to_pylist() == pytest.approx(closes, rel=1e-13)
    assert rows["volume"].to_pylist() == pytest.approx(volumes, rel=1e-13)


def test_a_step_is_what_its_date_alone_does(shares):
    change = adjusting.of_entry(scan.entry_of(shares.actor.tenant_id, "equities_bars", NAME), "all")
    assert change.days.tolist() == [MONDAY + 2, MONDAY + 3]
    assert change.price_steps.tolist() == [0.5, 1 / (1 + 1 / 49)]
    assert change.volume_steps.tolist() == [2.0, 1.0]
    assert np.cumprod(change.price_steps[::-1])[::-1].tolist() == change.prices.tolist()


def test_an_event_after_the_last_row_changes_nothing_yet(shares, tmp_path):
    later = actions([MONDAY + 30], ["split"], [4.0])
    lake.put(shares, tmp_path, lake.offer(tmp_path, later, NAME, "corporate_actions"))
    assert read(shares, "split")["close"].to_pylist() == pytest.approx([50, 50, 50, 49])


def test_as_of_knows_only_what_was_known(shares, tmp_path):
    from tradenexus import db

    before = db.now()
    lake.put(
        shares, tmp_path, lake.offer(tmp_path, actions([MONDAY + 1], ["split"], [10.0]), NAME, "corporate_actions")
    )
    assert read(shares, "split")["close"][0].as_py() == pytest.approx(5)
    assert read(shares, "split", as_of=before)["close"][0].as_py() == pytest.approx(50)


def test_what_cannot_be_adjusted_is_refused(shares):
    entry = scan.entry_of(shares.actor.tenant_id, "equities_bars", NAME)
    with pytest.raises(adjusting.NotAdjustable):
        adjusting.of_entry(entry, "halves")
    with pytest.raises(adjusting.NotAdjustable):
        adjusting.of_entry(scan.entry_of(shares.actor.tenant_id, "corporate_actions", NAME), "all")


def test_the_recorded_adjusted_prices_come_out(owner, tmp_path):
    frames = {path.stem: pd.read_csv(path, parse_dates=["Date"]).sort_values("Date") for path in REAL.glob("*.csv")}
    if not frames:
        pytest.skip("the recorded prices are not here (NEXUS_REALDATA)")
    events, bars = [], []
    for name, frame in frames.items():
        lake.registered(owner, f"XNYS:{name}", "equity", "XNYS")
        told = _events(frame)
        if told:
            events.append(
                lake.offer(tmp_path, actions(*map(list, zip(*told, strict=True))), f"XNYS:{name}", "corporate_actions")
            )
        columns = {each: frame[each.title()].to_numpy(float) for each in ("open", "high", "low", "close", "volume")}
        rows = lake.shaped({"ts_event": _stamps(frame), **columns}, "equities_bars")
        bars.append(lake.offer(tmp_path, rows, f"XNYS:{name}", "equities_bars"))
    lake.put(owner, tmp_path, *events)
    lake.put(owner, tmp_path, *bars)
    for name, frame in frames.items():
        told = read(owner, "all", name=f"XNYS:{name}")
        # theirs go on after the file: what is compared is anchored at its last row
        wanted = frame["Adj. Close"].to_numpy() * frame["Close"].iloc[-1] / frame["Adj. Close"].iloc[-1]
        assert told.num_rows == len(frame)
        assert np.abs(told["close"].to_numpy() / wanted - 1).max() < 1e-12, name


def _stamps(frame):
    return frame["Date"].to_numpy().astype("datetime64[ns]")


def _events(frame):
    days = _stamps(frame).astype(np.int64) // DAY
    splits = [(day, "split", ratio) for day, ratio in zip(days, frame["Split Ratio"], strict=True) if ratio != 1]
    return sorted(
        splits + [(day, "dividend", cash) for day, cash in zip(days, frame["Ex-Dividend"], strict=True) if cash]
    )
