"""Calendars: sessions as labels with their own open and close, half-days and old years included."""

import csv

import numpy as np
import pytest

from datasets.market import calendars
from datasets.market.calendars import CalendarUnknown
from datasets.market.intervals import DAY, HOUR, MINUTE


def ns(when):
    return int(np.datetime64(when, "ns").astype(np.int64))


@pytest.mark.parametrize("name", ["xnys", "xlon"])
def test_every_session_of_three_decades_is_the_exchanges_own(realdata, name):
    with (realdata / "calendars" / f"{name}.csv").open() as file:
        wanted = [tuple(ns(cell.rstrip("Z")) for cell in row[:3]) for row in list(csv.reader(file))[1:]]
    found = calendars.sessions(name.upper(), wanted[0][0], wanted[-1][0] + DAY)
    columns = (found.label_ns.tolist(), found.open_ns.tolist(), found.close_ns.tolist())
    assert list(zip(*columns, strict=True)) == wanted


def test_a_half_day_is_shorter():
    found = calendars.sessions("XNYS", ns("2024-11-27"), ns("2024-11-30"))
    assert found.label_ns.tolist() == [ns("2024-11-27"), ns("2024-11-29")]
    assert ((found.close_ns - found.open_ns) // MINUTE).tolist() == [390, 210]


def test_continuous_trading_has_a_session_every_day():
    found = calendars.sessions("24/7", ns("2024-02-28T05:00"), ns("2024-03-01T01:00"))
    assert found.label_ns.tolist() == [ns(f"2024-{day}") for day in ("02-28", "02-29", "03-01")]
    assert (found.close_ns - found.open_ns == DAY).all()


def test_instants_are_located_in_their_session():
    found = calendars.sessions("XNYS", ns("2024-07-01"), ns("2024-07-06"))
    opened, closed = int(found.open_ns[0]), int(found.close_ns[0])
    times = np.array([opened - 1, opened, closed - 1, closed, ns("2024-07-04T15:00")])
    assert found.locate(times).tolist() == [-1, 0, 0, -1, -1]
    assert calendars.sessions("24/7", 0, 0).locate(times).tolist() == [-1] * 5


def test_years_before_the_library_knows_hold_no_session():
    assert len(calendars.sessions("XBOM", ns("1960-01-01"), ns("1961-01-01"))) == 0


def test_names_zones_and_unknown_names():
    assert calendars.names()[0] == "24/7"
    assert calendars.exists("NYSE")
    assert calendars.zone("XNYS") == "America/New_York"
    assert calendars.zone("24/7") == "UTC"
    for call in (lambda: calendars.sessions("NOWHERE", 0, DAY), lambda: calendars.zone("NOWHERE")):
        with pytest.raises(CalendarUnknown):
            call()
    assert HOUR * 24 == DAY
