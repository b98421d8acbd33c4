"""A newcomer's first five minutes: link, checklist, sample, report, a file of one's own, publish, backtest, script.

Three newcomers walk: with a mouse, with the keyboard alone, and on a dark phone.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.failures import bars
from tests.browser.hands import Keyboard, Pointer

pytestmark = pytest.mark.browser

WALKS = {"mouse": {}, "keyboard": {}, "dark-phone": {"phone": True, "dark": True}}
LONG_MS = 120_000  # what a job may take on a busy machine
STRATEGY = "buy_and_hold: buy the first bar and keep it"


class Walk:
    """One newcomer on the way, in a workspace of their own."""

    def __init__(self, name, visitor, link, file):
        self.name, self.visitor, self.page, self.link, self.file = name, visitor, visitor.page, link, file
        self.hands = Keyboard(visitor) if name == "keyboard" else Pointer(visitor)
        self.page.on("filechooser", lambda chooser: chooser.set_files(file))

    def seen(self, words, **more):
        """What must be on the page before the walk goes on; nothing may stick out of the window."""
        expect(self.page.locator("main")).to_contain_text(words, **more)
        assert self.visitor.overflow() <= 0, self.page.url

    def press(self, role, name, **more):
        self.hands.press(self.page.locator("main").get_by_role(role, name=name, **more))

    def step(self, number, timeout=LONG_MS):
        expect(self.page.locator(f".up-steps > li:nth-child({number})")).to_have_attribute(
            "data-state", "done", timeout=timeout
        )

    def home(self):
        bar = "Main, phone" if self.name == "dark-phone" else "Main"
        self.hands.press(self.page.get_by_role("navigation", name=bar, exact=True).get_by_role("link", name="Home"))
        self.page.wait_for_url("**/")
        self.visitor.settle()

    def signs_in(self):
        self.visitor.go(self.link.removeprefix(self.visitor.base))
        self.press("button", "Sign in")
        self.seen("0 of 4")
        expect(self.page.locator("nx-zone")).to_have_text(re.compile("UTC"))
        expect(self.page.locator("nx-live")).to_have_attribute("data-state", "live")

    def takes_the_sample(self):
        self.press("link", "Start with sample data")
        self.seen("public domain")
        self.press("button", "Confirm: take sample daily stocks in")
        self.step(3)
        self.seen("12,154")

    def reads_the_report(self):
        self.press("link", "Quality report", exact=True)
        self.seen("Pass with warnings")
        self.seen("2000-09-29")

    def brings_a_file_of_their_own(self):
        self.home()
        self.seen("2 of 4")
        self.press("link", "Upload data")
        self.hands.press(self.page.locator("[data-drop]"))
        self.page.wait_for_selector(".up-file")
        self.hands.press(self.page.locator("[data-to-map]"))
        question = self.page.locator("#question-timezone")
        expect(question).to_be_visible()
        expect(self.page.locator("[data-to-options]")).to_be_disabled()
        self.hands.choose(question, "America/New_York")
        self.page.wait_for_selector("[data-map-preview] tbody tr", timeout=LONG_MS)
        self.seen("2024-01-08 05:00:00Z")
        self.hands.press(self.page.locator("[data-to-options]:not([disabled])"))
        self.hands.write(self.page.get_by_label("Symbol"), "OWN")
        self.hands.press(self.page.locator("[data-start]"))
        self.page.wait_for_selector("#outcome .tile", timeout=LONG_MS)
        self.step(3)
        self.seen("1,440")

    def publishes(self):
        self.press("button", "Publish to Lona")
        expect(self.page.locator(".up-steps > li").last).to_have_attribute("data-state", "done", timeout=LONG_MS)

    def runs_a_backtest(self):
        self.press("link", "Open dataset")
        self.press("link", "Run backtest")
        self.hands.write(self.page.get_by_label("What it does, in words"), STRATEGY)
        self.hands.write(self.page.get_by_label("Name", exact=True), "first try")
        self.seen("May start")
        self.visitor.settle()
        self.press("button", "Run backtest")
        self.page.wait_for_url(re.compile("/backtests/bt_"), timeout=LONG_MS)
        self.seen("Completed", timeout=LONG_MS)
        self.seen("Sandbox (local)")
        self.page.wait_for_selector("nx-series canvas")

    def copies_the_way(self):
        self.hands.press(self.page.locator("main details.copy-as > summary"))
        self.hands.press(self.page.locator("main details.copy-as nx-copy:nth-of-type(2) .copy-button"))
        self.page.wait_for_function("async () => (await navigator.clipboard.readText()).includes('nexus')")
        copied = self.page.evaluate("navigator.clipboard.readText()")
        verbs = ["auth login", f"upload {self.file.name}", "quality show", "publish", "backtest submit"]
        assert [verb for verb in verbs if f"nexus {verb}" in copied.replace(' --url "$NEXUS_URL"', "")] == verbs
        assert "--tz America/New_York" in copied
        assert "nx_" not in copied
        self.home()
        expect(self.page.get_by_role("heading", name="First steps")).to_have_count(0)


@pytest.mark.parametrize("name", WALKS)
def test_the_first_five_minutes(visit, link, tmp_path, name):
    visitor = visit(None, **WALKS[name])
    one = Walk(name, visitor, link(f"Walk {name}", f"{name}@example.org"), bars(tmp_path / "own.csv", zone=""))
    one.signs_in()
    one.takes_the_sample()
    one.reads_the_report()
    one.brings_a_file_of_their_own()
    one.publishes()
    one.runs_a_backtest()
    one.copies_the_way()
