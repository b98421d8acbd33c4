"""The diff of two revisions: keys drawn as their marks are, distributions, and the job of a large one on its way.

Pictures are kept wide and phone, light and dark: build/screenshots/diff-*.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OWN_SETTINGS
from tests.browser.test_screens import holds
from tests.kit.stack import ROOT

pytestmark = pytest.mark.browser
LONG_MS = 120_000
_MADE = """
import django; django.setup()
import pathlib, tempfile
import numpy as np
from tests.kit import lake
from tests.kit.people import Person
from tradenexus.tenancy.models import Membership
member = Membership._base_manager.get(user__email="you@localhost")
owner = Person(member.user, member.tenant, "", "admin")
rng, folder = np.random.default_rng(5), pathlib.Path(tempfile.mkdtemp())

def put(name, table, rows):
    lake.put(owner, folder, lake.offer(folder, rows, name, table, policy="newer"))

name = lake.registered(owner, "SMALL:ETH-BTC")
closes, volume = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, 300))), rng.lognormal(6, 1, 300)
put(name, "crypto_bars_1d", lake.daily(closes, volume=volume))
closes[40:240] *= 1 + rng.normal(0, 0.01, 200)
volume[40:240] *= 3
put(name, "crypto_bars_1d", lake.daily(closes, volume=volume))

name, count = lake.registered(owner, "LARGE:ETH-BTC"), 400_000
stamps = lake.MONDAY * lake.DAY + np.arange(count) * 60_000_000_000
closes = 300 * np.exp(np.cumsum(rng.normal(0, 0.0005, count)))
for step in (1, 1.0001):
    put(name, "crypto_bars_1m", lake.bars(stamps, closes * step, rng.lognormal(3, 1, count), "crypto_bars_1m"))
"""
SMALL, LARGE = "/lakehouse/crypto_bars_1d/SMALL:ETH-BTC/", "/lakehouse/crypto_bars_1m/LARGE:ETH-BTC/"
# What is drawn of a key, as the eye has it: its shape, its colour, its dash and how much of its box it fills.
_LOOK = """mark => {
  const part = document.querySelector(`.ds-key .is-${mark}`), style = getComputedStyle(part);
  return [part.tagName, style.stroke, style.strokeDasharray, style.fill];
}"""
_DRAWN = """([room, mark]) => {
  const style = getComputedStyle(document.querySelector(`${room} .is-${mark}`));
  return [style.stroke, style.strokeDasharray, style.fill];
}"""


@pytest.fixture(scope="module")
def revised(stack):
    """A small and a large entry, both with two revisions, in the workspace of the one at this machine."""
    kept = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
    env = {**kept, "NEXUS_HOME": str(stack.home.root), "NEXUS_SECRET_KEY_FILE": str(stack.home.secret_key_file)}
    env |= {"DJANGO_SETTINGS_MODULE": "tradenexus.settings", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", _MADE], env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("dark", [False, True])
def test_keys_look_like_their_marks(visit, revised, dark):
    visitor = visit(dark=dark)
    visitor.go(f"{SMALL}diff/1...2/")
    looks = {}
    for room, marks in ((".lk-overlay", "ab"), (".lk-spread", ("before", "after"))):
        for mark in marks:
            shape, *looks[mark] = visitor.page.evaluate(_LOOK, mark)
            assert looks[mark] == visitor.page.evaluate(_DRAWN, [room, mark])
            assert shape == ("line" if room == ".lk-overlay" else "rect")
    # told apart without colours: by dash, and by being filled
    assert (looks["a"][1], looks["b"][1]) != ("none", "none")
    assert looks["b"][1] == "none"
    assert (looks["before"][2], looks["after"][2] == "none") == ("none", False)
    assert visitor.page.locator(".ds-legend span").first.evaluate(
        "part => getComputedStyle(part, '::before').content"
    ) in ("none", "normal")


def test_distributions_are_seen_and_have_tables(visit, revised):
    visitor = visit()
    visitor.go(f"{SMALL}diff/1...2/")
    part = visitor.page.locator("section", has=visitor.page.get_by_role("heading", name="How values are spread"))
    expect(part.locator("svg.lk-spread")).to_have_count(5)
    close = part.locator("figure", has=visitor.page.get_by_role("heading", name="close"))
    # of the first row of the second year there is no return
    assert re.search(r"199 before, 199 after; .*without a return: 1 before, 1 after", close.inner_text())
    close.get_by_text("View as table").click()
    counts = close.locator("tbody tr td:nth-of-type(1)").all_inner_texts()  # bins, and what is in none
    assert sum(int(count) for count in counts) == 200
    assert "trades the same before and after: 0 counted, 200 null" in part.inner_text()
    visitor.page.evaluate("scrollTo(0, 0)")  # what the bar above hides has no size
    holds(visitor)
    visitor.shoot("diff-small")
    visitor.go(SMALL)
    visitor.page.wait_for_selector("nx-chart canvas")
    visitor.shoot("diff-chart-keys")


def test_a_large_one_shows_its_job_on_the_way_and_then_the_result(visit, stack, revised):
    visitor = visit()
    visitor.go(f"{LARGE}diff/1...2/")
    holds(visitor)
    visitor.shoot("diff-large-not-started")
    visitor.page.get_by_role("button", name="Compare all of it").click()
    job = visitor.page.locator("#diff-job")
    expect(job.get_by_text(re.compile("Comparing all of it"))).to_be_visible()
    words = job.locator(".progress-words")
    expect(words).to_contain_text(
        re.compile(r"[\d,]+ of 800,000 rows · [\d,]+ rows/s · about .* left"), timeout=LONG_MS
    )
    expect(job).to_contain_text(re.compile(r"of rows before 20\d\d-\d\d-\d\d"), timeout=LONG_MS)
    visitor.page.screenshot(path=ROOT / "build" / "screenshots" / "diff-large-running.png", full_page=True)
    expect(visitor.page.get_by_text("~400,000")).to_be_visible(timeout=LONG_MS)
    expect(job).to_have_count(0)
    visitor.settle()
    visitor.page.evaluate("scrollTo(0, 0)")  # what the bar above hides has no size
    holds(visitor)
    visitor.shoot("diff-large")
    visitor.go(f"{LARGE}diff/1...2/")  # and again at once
    expect(visitor.page.get_by_text("~400,000")).to_be_visible()
