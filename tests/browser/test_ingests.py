"""Candidates by hand in a browser: a plan, one run, what became of each, a refresh; by mouse, keyboard and phone."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser import replayed
from tests.browser.hands import Keyboard, Pointer
from tests.browser.test_screens import BASE, HEAVIEST, LOOKS, NEWCOMER, weigh

pytestmark = pytest.mark.browser
WAYS = {"mouse": {}, "keyboard": {}, "dark-phone": {"phone": True, "dark": True}}
LONG_MS = 120_000  # what a job may take on a busy machine


class Walk:
    """Somebody who brings an instrument in and keeps it fresh."""

    def __init__(self, name, visitor, stack):
        self.name, self.visitor, self.page, self.stack = name, visitor, visitor.page, stack
        self.hands = Keyboard(visitor) if name == "keyboard" else Pointer(visitor)
        self.instrument = replayed.instrument(name)

    def seen(self, words, **more):
        expect(self.page.locator("main")).to_contain_text(words, **more)
        assert self.visitor.overflow() <= 0, self.page.url

    def press(self, role, name):
        self.hands.press(self.page.locator("main").get_by_role(role, name=name))

    def keep(self, name):
        """The rules of the frame, and pictures; once, by the mouse."""
        if self.name != "mouse":
            return
        visitor = self.visitor
        visitor.settle()
        assert weigh(self.stack, visitor.scripts()) <= HEAVIEST
        assert visitor.barriers() == []
        visitor.shoot(f"ingests-{name}")
        visitor.look(phone=True, dark=True)
        assert visitor.barriers(*LOOKS) == []
        visitor.look()

    def hands_in(self, folder, *names):
        self.visitor.go("/lakehouse/ingests/")
        self.hands.press(
            self.page.locator('main a[href="/lakehouse/ingests/new/"]')
        )  # in the head, or on the empty list
        self.page.wait_for_url("**/new/")
        self.keep("new")
        if self.name == "mouse":
            file = folder / "candidates.json"
            file.write_text(json.dumps({"meta": {"table": "crypto_bars_1d"}, "data": list(names)}))
            self.page.locator(".in-form input[type=file]").set_input_files(file)
        else:
            self.hands.write(self.page.locator("textarea[name=symbols]"), ", ".join(names))
        self.press("button", "Show the plan")
        self.seen(f"0 fresh, {len(names) - 1} will be fetched, 1 refused")
        self.keep("plan")
        self.press("button", "Fetch ")
        self.page.wait_for_url(re.compile("/lakehouse/ingests/ing_"))
        self.seen("Finished", timeout=LONG_MS)
        self.seen("Committed")
        self.seen("SYMBOL_REFUSED")

    def refreshes(self):
        self.visitor.go(f"/lakehouse/?q={self.instrument.lower()}")
        box = self.page.get_by_label(f"Choose {self.instrument} in crypto_bars_1d")
        self.page.get_by_role("button", name="Refresh selected").wait_for()
        if self.name == "keyboard":
            self.visitor.tab_to(box)
            self.page.keyboard.press("Space")
        else:
            box.check()
        self.press("button", "Refresh selected")
        self.page.wait_for_url("**/lakehouse/ingests/refresh/**")
        self.seen("1 fresh, 0 will be fetched")
        self.keep("refresh")
        self.visitor.go(f"/lakehouse/crypto_bars_1d/{self.instrument}/")
        self.press("button", "Refresh")
        self.page.wait_for_url(re.compile("/lakehouse/ingests/ing_"))
        self.seen("1 of 1")
        self.seen("fetched 20")


@pytest.mark.parametrize("name", WAYS)
def test_candidates_are_planned_fetched_and_kept_fresh(visit, stack, tmp_path, name):
    one = Walk(name, visit(**WAYS[name]), stack)
    wanted = [one.instrument, *([replayed.instrument("toxic")] if name == "mouse" else []), "nonsense"]
    one.hands_in(tmp_path, *wanted)
    if name == "mouse":
        one.seen("Quarantined")
        one.seen("TOXIC")
    one.keep("one")
    one.refreshes()
    one.visitor.go("/lakehouse/ingests/")
    one.seen("committed")
    one.keep("list")
    one.visitor.go("/vendors/")
    one.seen(one.instrument)
    one.keep("vendors")


def test_nothing_handed_in_says_what_to_do(tour, stack):
    visitor = tour(NEWCOMER)
    for name, path in (("list", "/lakehouse/ingests/"), ("lake", "/lakehouse/"), ("vendors", "/vendors/")):
        assert visitor.go(path).status == 200
        assert weigh(stack, visitor.scripts()) <= BASE
        assert visitor.barriers() == []
        visitor.shoot(f"ingests-{name}-empty")
        visitor.look(phone=True, dark=True)
        assert visitor.barriers(*LOOKS) == []
        assert visitor.overflow() <= 0
        visitor.look()
    assert visitor.complained() == []
