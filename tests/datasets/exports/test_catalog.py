"""catalog.json: keys by interval, by table where there is none, and never two entries under one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from datasets.exports import catalog

DAY = 86_400 * 10**9


def row(table, instrument="XNYS:A", fetched_at=None, first=0, last=0):
    return table, instrument, fetched_at, first, last, 98.5


def test_bars_are_found_by_instrument_and_interval():
    at = datetime(2024, 3, 1, 2, 30, 5, 999, tzinfo=timezone(timedelta(hours=2)))
    told = catalog.told([row("equities_bars", fetched_at=at, first=19_723 * DAY, last=19_724 * DAY - 1)])
    assert told == {
        "XNYS:A_1d": {
            "freshness": "2024-03-01T00:30:05Z",
            "start_date": "2024-01-01",
            "end_date": "2024-01-01",
            "data_quality_score": 98.5,
        }
    }


def test_what_has_no_interval_of_bars_ends_in_its_table():
    names = ("corporate_actions", "equities_bars_minute", "macro_series", "trades")
    told = list(catalog.told([row(name) for name in names]))
    assert told == ["XNYS:A_corporate_actions", "XNYS:A_1m", "XNYS:A_macro_series", "XNYS:A_trades"]


def test_two_tables_of_one_interval_do_not_hide_each_other():
    assert list(catalog.told([row("equities_bars"), row("index_bars")])) == ["XNYS:A_1d", "XNYS:A_index_bars"]


def test_what_is_not_known_is_null():
    told = catalog.told([("trades", "X:A", None, None, None, None)])["X:A_trades"]
    assert set(told.values()) == {None}
    before = catalog.told([row("trades", fetched_at=datetime(2024, 1, 1, tzinfo=UTC), first=-DAY)])["XNYS:A_trades"]
    assert before["start_date"] == "1969-12-31"
