"""The lakehouse by hand: promote a version from its page, find it in the list, open it, override, release, dismiss.

Three walk: with a mouse, with the keyboard alone, and on a dark phone. Each screen is kept as four pictures.
"""

from __future__ import annotations

import re
import time
from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.hands import Keyboard, Pointer
from tests.browser.test_screens import BASE, HEAVIEST, LOOKS, weigh

pytestmark = pytest.mark.browser

WAYS = {"mouse": {}, "keyboard": {}, "dark-phone": {"phone": True, "dark": True}}
PRICES = {name: 100 + 10 * number for number, name in enumerate(WAYS)}
LONG_MS = 120_000  # what a job may take on a busy machine
START, ABSENT, DAYS = date(2024, 1, 1), "2024-01-20", 60
REASON = "seen at the venue, it is true"
NEWCOMER = ("Empty", "new@example.org", "admin")


def daily(path, first: int, count: int, price: int):
    """Write daily bars from a day on as CSV, one day left out."""
    days = (str(START + timedelta(days=at)) for at in range(first, first + count))
    rows = (f"{day}T00:00:00Z,{price},{price + 1},{price - 1},{price},5\n" for day in days if day != ABSENT)
    path.write_text("time,open,high,low,close,volume\n" + "".join(rows))
    return str(path)


@pytest.fixture(scope="module")
def sources(stack, api, tmp_path_factory):
    """Two datasets a reviewer: sixty days, and two days after them whose price is a thousand times as high.

    Each has prices of their own: the same bars under two names would be another instrument's.
    """
    folder, nexus = tmp_path_factory.mktemp("lakehouse"), stack.nexus()
    said = ("--symbol", "ETH-BTC", "--wait")
    for name, price in PRICES.items():
        nexus("upload", daily(folder / f"{name}.csv", 0, DAYS, price), "--name", f"eth-daily-{name}", *said)
        later = daily(folder / f"{name}-later.csv", DAYS, 2, 1000 * price)
        nexus("upload", later, "--name", f"eth-later-{name}", *said)
    return {item["name"]: item["id"] for item in api.get("/v1/datasets?q=eth-").json()["items"]}


class Walk:
    """One reviewer on the way, with an instrument of their own."""

    def __init__(self, name, visitor, api, stack):
        self.name, self.visitor, self.page, self.api, self.stack = name, visitor, visitor.page, api, stack
        self.hands = Keyboard(visitor) if name == "keyboard" else Pointer(visitor)
        self.instrument = f"{name.upper().replace('-', '_')}:ETH-BTC"
        self.entry = f"/lakehouse/crypto_bars_1d/{self.instrument}/"

    def seen(self, words, **more):
        expect(self.page.locator("main")).to_contain_text(words, **more)
        assert self.visitor.overflow() <= 0, self.page.url

    def press(self, role, name, **more):
        self.hands.press(self.page.locator("main").get_by_role(role, name=name, **more))

    def keep(self, name):
        """The rules of the frame, and pictures; once, by the mouse."""
        if self.name != "mouse":
            return
        visitor = self.visitor
        visitor.settle()
        assert weigh(self.stack, visitor.scripts()) <= HEAVIEST
        assert visitor.barriers() == []
        visitor.shoot(f"lakehouse-{name}")
        visitor.look(phone=True, dark=True)
        assert visitor.barriers(*LOOKS) == []
        visitor.look()

    def promotes(self, dataset):
        self.visitor.go(f"/datasets/{dataset}/")
        self.press("link", "Promote into the lake", exact=True)
        self.page.wait_for_url("**/promote/")
        self.hands.choose(self.page.get_by_label("Table"), "crypto_bars_1d")
        self.hands.write(self.page.locator("[name=symbol_0]"), self.instrument)
        self.hands.choose(self.page.get_by_label("Type"), "spot")
        self.hands.write(self.page.locator("[name=calendar]"), "24/7")
        self.keep("promote")
        self.press("button", "Promote", exact=True)
        self.page.wait_for_url(re.compile("/jobs/job_"), timeout=LONG_MS)
        self.seen("Succeeded", timeout=LONG_MS)

    def finds_it(self):
        self.visitor.go("/lakehouse/")
        self.keep("list")
        self.visitor.go(f"/lakehouse/?q={self.instrument.lower()}")
        self.press("link", self.instrument)
        self.page.wait_for_url(f"**{self.entry}")
        self.seen("Why this is the golden copy")
        self.seen(f"eth-daily-{self.name} v1")
        self.page.wait_for_selector("nx-chart canvas")
        self.page.wait_for_selector("nx-heatmap canvas")
        self.keep("entry")

    def overrides(self):
        self.press("link", "1 red")
        self.page.wait_for_url("**/ledger/?status=RED")
        self.press("link", ABSENT)
        self.page.wait_for_url(f"**day={ABSENT}**")
        self.keep("ledger-day")
        self.hands.choose(self.page.locator(".drawer [name=status]"), "AMBER")
        self.hands.write(self.page.locator(".drawer [name=reason]"), REASON)
        self.press("button", "Override", exact=True)
        self.seen("Overridden: AMBER")
        self.visitor.go(f"{self.entry}ledger/?code=MISSING")
        self.seen("judged RED")
        self.keep("ledger")

    def settles(self, dataset):
        body = {"table": "crypto_bars_1d", "instruments": {"ETH-BTC": self.instrument}}
        self._ends(self._posted(f"/v1/datasets/{dataset}/promote", body))
        for number, (button, words) in enumerate((("Release", "are released"), ("Dismiss", "are dismissed"))):
            self.visitor.go(self.entry)
            self.press("link", f"Quarantine {2 - number}")
            self.page.wait_for_url("**/quarantine/")
            self.keep("quarantine")
            self.hands.press(self.page.locator("main tr:has([data-state=held]) a.button"))
            self.page.wait_for_url(re.compile("/lakehouse/quarantine/qrt_"))
            self.seen(str(1000 * PRICES[self.name]))
            self.keep("refused")
            self.hands.write(self.page.get_by_label("Reason"), REASON)
            self.press("button", button)
            self.seen(words, timeout=LONG_MS)

    def looks_around(self):
        for name, path in (("revisions", f"{self.entry}revisions/"), ("files", f"{self.entry}files/")):
            self.visitor.go(path)
            self.keep(name)
        self.visitor.go(f"{self.entry}revisions/")
        self.press("button", "Show what differs")
        self.page.wait_for_url(re.compile(r"/diff/\d+\.\.\.\d+/$"))
        self.seen("Sessions that differ")
        expect(self.page.locator(".lk-overlay polyline")).to_have_count(2)
        self.keep("diff")
        self.visitor.go(f"{self.entry}revisions/")
        self.hands.press(self.page.locator("main .panel").last.get_by_role("link", name="As it was then"))
        self.seen("Time travel")
        self.keep("past")
        for name in ("quality", "instruments"):
            self.visitor.go(f"/lakehouse/{name}/")
            self.seen(self.instrument)
            self.keep(name)

    def _posted(self, path, body):
        answer = self.api.post(path, json=body, headers={"Idempotency-Key": f"{self.name}-{path}"})
        assert answer.status_code == 202, answer.text
        return answer.json()["job"]["id"]

    def _ends(self, job):
        deadline = time.monotonic() + LONG_MS / 1000
        while time.monotonic() < deadline:
            state = self.api.get(f"/v1/jobs/{job}").json()["job"]["state"]
            if state == "succeeded":
                return
            assert state in {"queued", "running"}, state
            time.sleep(0.2)
        raise AssertionError(f"{job} does not end")


@pytest.mark.parametrize("name", WAYS)
def test_a_version_becomes_golden_and_is_reviewed(visit, api, stack, sources, name):
    one = Walk(name, visit(**WAYS[name]), api, stack)
    one.promotes(sources[f"eth-daily-{name}"])
    one.finds_it()
    one.overrides()
    one.settles(sources[f"eth-later-{name}"])
    one.looks_around()


def test_an_empty_lakehouse_says_what_to_do(tour, stack):
    visitor = tour(NEWCOMER)
    for name in ("", "quality/", "instruments/"):
        assert visitor.go(f"/lakehouse/{name}").status == 200
        assert weigh(stack, visitor.scripts()) <= BASE
        assert visitor.barriers() == []
        visitor.shoot(f"lakehouse-{name.strip('/') or 'list'}-empty")
        visitor.look()
    assert visitor.complained() == []
