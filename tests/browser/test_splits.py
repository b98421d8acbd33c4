"""A suspected split by hand: another vendor's dataset names it, one press records it; where nobody does, a reason."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.hands import Keyboard, Pointer
from tests.browser.test_screens import HEAVIEST, LOOKS, weigh

pytestmark = pytest.mark.browser

WAYS = {"mouse": ({}, Pointer), "keyboard": ({}, Keyboard), "dark-phone": ({"phone": True, "dark": True}, Pointer)}
PRICES = {name: 200 + 30 * number for number, name in enumerate([*WAYS, "alone"])}  # of one share each
SESSION = "2024-01-31"
REASON = "read in the filing of the company"
LONG_MS = 120_000


def daily(path, closes):
    days = (str(date(2024, 1, 1) + timedelta(days=at)) for at in range(len(closes)))
    rows = (f"{day}T00:00:00Z,{at},{at + 1},{at - 1},{at},5\n" for day, at in zip(days, closes, strict=True))
    path.write_text("time,open,high,low,close,volume\n" + "".join(rows))
    return str(path)


@pytest.fixture
def shares(stack, tmp_path):
    """A function that puts a share into the lake, halved on a day, with another vendor's dataset beside it or not."""
    nexus = stack.nexus()

    def put(way, symbol, *, witness):
        traded = [PRICES[way] + at % 7 for at in range(30)] + [PRICES[way] / 2 + at % 5 for at in range(30)]
        sides = {"alpha": traded, "beta": [each / 2 if at < 30 else each for at, each in enumerate(traded)]}
        for vendor in ("alpha", "beta")[: 1 + witness]:
            name = f"{symbol}-{vendor}-{way}".lower()
            file = daily(tmp_path / f"{name}.csv", sides[vendor])
            nexus("upload", file, "--name", name, "--symbol", symbol, "--venue", venue(way), "--wait")
            nexus("dataset", "describe", name, "--vendor", vendor)
        into = ("--table", "equities_bars", "--type", "equity", "--calendar", "24/7", "--wait")
        nexus("lake", "promote", f"{symbol}-alpha-{way}".lower(), *into)
        return f"/lakehouse/equities_bars/{venue(way)}:{symbol}/"

    return put


def venue(way):
    return "X" + way.upper().replace("-", "")


@pytest.mark.parametrize("way", WAYS)
def test_a_suspected_split_is_recorded_from_its_page(visit, shares, stack, way):
    looks, kind = WAYS[way]
    visitor = visit(**looks)
    hands, page = kind(visitor), visitor.page
    main = page.locator("main")
    entry = shares(way, "HALF", witness=True)
    visitor.go(f"{entry}?adjustment=split")
    expect(main).to_contain_text("no second witness says that it was one")
    hands.press(main.get_by_role("link", name="Look and settle"))
    page.wait_for_url(f"**/suspects/{SESSION}/")
    expect(main).to_contain_text("its adjusted closes step by 2 for one here")
    assert visitor.overflow() <= 0
    if way == "mouse":
        visitor.settle()
        assert weigh(stack, visitor.scripts()) <= HEAVIEST
        assert visitor.barriers() == []
        visitor.shoot("lakehouse-suspect")
        visitor.look(phone=True, dark=True)
        assert visitor.barriers(*LOOKS) == []
        visitor.look()
    hands.press(main.get_by_role("button", name="Record this split"))
    expect(main).to_contain_text("Nothing is left to settle", timeout=LONG_MS)
    expect(main).to_contain_text("2 new for one old")
    assert visitor.overflow() <= 0
    visitor.go(f"{entry}?adjustment=split")
    expect(main).not_to_contain_text("no second witness")


def test_where_nobody_names_it_a_ratio_and_a_reason_are_asked(visit, shares):
    visitor = visit()
    visitor.expect_complaint("422")
    page, main = visitor.page, visitor.page.locator("main")
    visitor.go(shares("alone", "HALF", witness=False) + f"suspects/{SESSION}/")
    expect(main).to_contain_text("No independent series says what it was")
    page.get_by_label("New shares for one old").fill("7")
    page.get_by_label("Reason").fill(REASON)
    main.get_by_role("button", name="Record this split").click()
    expect(main.get_by_role("alert")).to_contain_text("do not explain")
    page.get_by_label("New shares for one old").fill("2")
    main.get_by_role("button", name="Record this split").click()
    expect(main).to_contain_text("Nothing is left to settle", timeout=LONG_MS)
    expect(main).to_contain_text(REASON)
    assert re.search("cmt_", main.inner_text())
