"""Repairs of tables without a calendar and of events: what can be told is filled, what cannot is named."""

import pytest

from backfill.gaps import events
from datasets.market import tables
from datasets.models import LakeEntry, LakePartition
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY, ns

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = DAY // 24


@pytest.fixture
def files(replaying, tmp_path):
    """Have the replay vendor hold one table of one instrument: rows of (time, value)."""

    def give(table, name, column, rows, **facts):
        lines = [f"{at},{value}" for at, value in rows]
        (tmp_path / f"{table}.csv").write_text("at,p\n" + "\n".join(lines) + "\n")
        names = ("open", "high", "low", "close") if column == "bar" else (column,)
        replaying(
            {
                "table": table,
                "files": [f"{table}.csv"],
                "format": "csv",
                "instrument": name,
                "facts": facts,
                "time": {"column": "at", "unit": "ns"},
                "columns": dict.fromkeys(names, "p"),
            }
        )

    return give


def rows_of(table):
    return LakeEntry.everyone.get(table=table).rows


def test_payments_of_funding_are_filled(owner, files, hand_in, repaired):
    paid = [(MONDAY * DAY + number * 8 * HOUR, 0.0001 + number / 1e6) for number in range(60)]
    give = ("funding", "X:P", "rate")
    files(*give, [each for number, each in enumerate(paid) if number not in (20, 30, 31, 32)], type="swap")
    hand_in(owner, ["X:P"])
    files(*give, paid, type="swap")
    repair, items = repaired(owner)
    assert (repair["found"]["gaps"], repair["found"]["missing"], repair["found"]["undecided"]) == (2, 4, [])
    assert {item["outcome"] for item in items} == {"repaired"}
    assert (rows_of("funding"), repair["filled"]) == (60, 4)
    assert repaired(owner)[1] == []


def test_a_yield_curve_is_filled_and_a_day_that_nobody_published_is_called_empty(owner, files, hand_in, repaired):
    listed = events.days(tables.find("macro_treasury"), "", ns("2024-03-11"), ns("2024-04-12")).label_ns.tolist()
    curve = [(at, 0.04 + number / 1e4) for number, at in enumerate(listed) if at != ns("2024-03-29")]  # Good Friday
    give = ("macro_treasury", "UST:PAR", "y_10year")
    files(*give, [each for each in curve if each[0] != ns("2024-03-20")], type="rate")
    hand_in(owner, ["UST:PAR"])
    files(*give, curve, type="rate")
    repaired(owner)
    assert rows_of("macro_treasury") == len(curve)
    told = LakePartition.objects.get(session="2024-03-29")
    assert (told.code, told.status, told.vendor) == ("NO_DATA", "GREEN", "replay")
    again, none = repaired(owner)
    assert (again["found"]["gaps"], none) == (0, [])


def test_bars_without_a_calendar_are_filled_where_their_market_never_closes(owner, files, hand_in, repaired):
    bars = [(MONDAY * DAY + number * HOUR, 100 + number / 64) for number in range(20 * 24)]
    give = ("crypto_bars_1h", "X:N", "bar")
    files(*give, [each for number, each in enumerate(bars) if number not in range(50, 53)], type="spot")
    hand_in(owner, ["X:N"])
    assert LakeEntry.everyone.get().calendar == ""
    files(*give, bars, type="spot")
    repair, (item,) = repaired(owner)
    assert (item["outcome"], item["filled"], rows_of("crypto_bars_1h")) == ("repaired", 3, 480)
    assert repair["found"]["undecided"] == []


def test_a_session_without_a_trade_is_filled(owner, files, hand_in, repaired):
    trades = [(MONDAY * DAY + number * 6 * HOUR, 100 + number / 64) for number in range(40)]
    give = ("trades", "X:T", "price")
    files(*give, [each for each in trades if each[0] // DAY != MONDAY + 4], type="spot", calendar="24/7")
    hand_in(owner, ["X:T"])
    files(*give, trades, type="spot", calendar="24/7")
    _, (item,) = repaired(owner)
    assert (item["outcome"], item["filled"], rows_of("trades")) == ("repaired", 1, 40)


def test_what_nobody_can_say_is_named(owner, repaired, ranged, tmp_path, client):
    name = lake.registered(owner, "X:S", calendar="")
    rows = {"ts_event": [MONDAY * DAY], "action": ["split"], "value": [2.0]}
    shaped = {**rows, "ts_event": lake.np.array(rows["ts_event"], dtype="datetime64[ns]")}
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.shaped(shaped, "corporate_actions"), name, "corporate_actions"))
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([1, 2, 3]), name))
    repair, items = repaired(owner)
    assert items == []
    told = {each["table"]: (each["entries"], each["why"]) for each in repair["found"]["undecided"]}
    assert set(told) == {"corporate_actions", "crypto_bars_1d"}
    assert "follow no schedule" in told["corporate_actions"][1]
    assert "no calendar is known" in told["crypto_bars_1d"][1]
    client.force_login(owner.user)
    page = client.get(f"/lakehouse/repairs/{repair['id']}/").content.decode()
    assert "plits and dividends follow no schedule" in page


def test_a_selection_that_names_only_such_a_table_says_so_too(owner, repaired, ranged, tmp_path):
    lake.registered(owner, "X:S")
    shaped = {"ts_event": lake.np.array([MONDAY * DAY], "datetime64[ns]"), "action": ["split"], "value": [2.0]}
    rows = lake.shaped(shaped, "corporate_actions")
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, "X:S", "corporate_actions"))
    repair, _ = repaired(owner, plan=True, entries=["corporate_actions/*"])
    assert [each["table"] for each in repair["found"]["undecided"]] == ["corporate_actions"]
