"""Every screen, full, empty and failing: no complaint, no barrier, fits the phone, within its budget of script.

Each is kept as four pictures: wide and phone, light and dark.
"""

from __future__ import annotations

import gzip

import pytest

pytestmark = pytest.mark.browser

SCREENS = {
    "home": "/",
    "datasets": "/datasets/",
    "datasets-none-match": "/datasets/?q=nothing-of-this-name",
    "dataset": "/datasets/{stocks}/",
    "dataset-trades": "/datasets/{tape}/",
    "preview": "/datasets/{stocks}/preview/",
    "chart": "/datasets/{stocks}/chart/",
    "coverage": "/datasets/{stocks}/coverage/",
    "quality": "/datasets/{stocks}/quality/",
    "report": "/datasets/{stocks}/v/1/quality/",
    "lineage": "/datasets/{tape}/lineage/",
    "versions": "/datasets/{tape}/versions/",
    "publish": "/datasets/{tape}/publish/",
    "activity": "/datasets/{tape}/activity/",
    "diff": "/datasets/{tape}/diff/1...2/",
    "uploads": "/uploads/",
    "upload-new": "/uploads/new/",
    "upload-done": "/uploads/{upload}/",
    "jobs": "/jobs/",
    "job": "/jobs/{jobs}/",
    "publishes": "/publishes/",
    "publication": "/publishes/{publications}/",
    "mapping": "/publishes/mapping/",
    "backtests": "/backtests/",
    "backtest-new": "/backtests/new/",
    "backtest": "/backtests/{backtests}/",
    "exports": "/exports/",
    "search": "/search?q=AAPL",
    "audit": "/audit/",
    "settings-profile": "/settings/profile/",
    "settings-keys": "/settings/keys/",
    "settings-notifications": "/settings/notifications/",
    "settings-appearance": "/settings/appearance/",
    "api-reference": "/v1/docs/",
    "operations": "/admin/",
}
OTHERS = {"api-reference", "operations"}  # not in our frame: looked at, not held to its rules
EMPTY = {"home": "/", "datasets": "/datasets/", "uploads": "/uploads/", "jobs": "/jobs/", "publishes": "/publishes/"}
EMPTY |= {"backtests": "/backtests/", "backtest-new": "/backtests/new/", "audit": "/audit/", "search": "/search"}
EMPTY |= {"exports": "/exports/"}
FAILING = ["home", "datasets", "jobs", "publishes", "backtests", "dataset", "report", "upload", "backtest"]
FAILING += ["publication", "job", "publish"]
NEWCOMER = ("Empty", "new@example.org", "admin")
UNLUCKY = ("Broken", "unlucky@example.org", "admin")
# What a smaller window and other colours can break; the rest is the same as on the wide page.
LOOKS = ("color-contrast", "target-size", "scrollable-region-focusable", "link-in-text-block", "meta-viewport")
BASE, HEAVIEST = 45_000, 150_000  # bytes of JavaScript, compressed
PLAIN = {"home", "audit", "settings-keys", "search"}


def weigh(stack, scripts: set[str]) -> int:
    """Return what the scripts of a page weigh compressed."""
    static = stack.home.root / "static"
    return sum(len(gzip.compress((static / path.removeprefix("/static/")).read_bytes(), 9)) for path in scripts)


def holds(visitor) -> None:
    """The rules of our frame, wide and light, then on the phone and dark."""
    assert visitor.barriers() == []
    visitor.look(phone=True, dark=True)
    assert visitor.barriers(*LOOKS) == []
    assert visitor.overflow() <= 0


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_with_content(tour, stack, things, name):
    visitor = tour()
    answer = visitor.go(SCREENS[name].format(**things), settle=name not in OTHERS)
    assert answer.status == 200
    if name not in OTHERS:
        scripts = visitor.scripts()
        assert scripts
        assert weigh(stack, scripts) <= (BASE if name in PLAIN else HEAVIEST)
        holds(visitor)
    if name == "api-reference":
        visitor.page.wait_for_selector(".opblock")
    visitor.shoot(name)
    assert visitor.complained() == []


@pytest.mark.parametrize("name", EMPTY)
def test_a_screen_without_content_says_what_to_do(tour, name):
    visitor = tour(NEWCOMER)
    assert visitor.go(EMPTY[name]).status == 200
    holds(visitor)
    assert visitor.page.locator("main").get_by_role("link").count() + visitor.page.locator("main button").count() > 0
    visitor.shoot(f"{name}-empty")
    assert visitor.complained() == []


@pytest.mark.parametrize("name", FAILING)
def test_a_screen_of_what_failed_says_why(tour, broken, name):
    visitor = tour(UNLUCKY)
    assert visitor.go(broken[name]).status == 200
    assert "fail" in visitor.page.inner_text("main").lower()
    holds(visitor)
    visitor.shoot(f"{name}-failing")
    assert visitor.complained() == []


def test_what_is_not_there_is_said_in_words(tour, things):
    visitor = tour(NEWCOMER)
    visitor.expect_complaint("404")
    assert visitor.go(f"/datasets/{things['stocks']}/").status == 404  # another workspace's
    assert visitor.page.get_by_text("request id").is_visible()
    holds(visitor)
    visitor.shoot("error")
    assert visitor.complained() == []


@pytest.mark.parametrize(("name", "path"), [("sign-in", "/login/"), ("link", "/login/link/unknown/")])
def test_the_door(tour, name, path):
    visitor = tour(None)
    assert visitor.go(path).status == 200
    holds(visitor)
    visitor.shoot(name)
    assert visitor.complained() == []
