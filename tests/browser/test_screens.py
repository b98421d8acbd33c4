"""Every screen with the demo's content: no complaint, no barrier, fits the phone; kept as a picture."""

from __future__ import annotations

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
EMPTY |= {"backtests": "/backtests/", "audit": "/audit/", "search": "/search"}
NEWCOMER = ("Empty", "new@example.org", "admin")


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_with_content(visit, things, name):
    visitor = visit()
    answer = visitor.go(SCREENS[name].format(**things), settle=name not in OTHERS)
    assert answer.status == 200
    if name not in OTHERS:
        assert visitor.barriers() == []
        visitor.look(phone=True, dark=True)
        assert visitor.barriers() == []
        assert visitor.overflow() <= 0
    visitor.shoot(name)


@pytest.mark.parametrize("name", EMPTY)
def test_a_screen_without_content_says_what_to_do(visit, name):
    visitor = visit(NEWCOMER)
    assert visitor.go(EMPTY[name]).status == 200
    assert visitor.barriers() == []
    assert visitor.page.locator("main").get_by_role("link").count() + visitor.page.locator("main button").count() > 0
    visitor.shoot(f"{name}-empty")


def test_what_is_not_there_is_said_in_words(visit, things):
    visitor = visit(NEWCOMER)
    visitor.expect_complaint("404")
    assert visitor.go(f"/datasets/{things['stocks']}/").status == 404  # another workspace's
    assert visitor.page.get_by_text("request id").is_visible()
    assert visitor.barriers() == []
    visitor.shoot("error")


@pytest.mark.parametrize(("name", "path"), [("sign-in", "/login/"), ("link-spent", "/login/link/unknown/")])
def test_the_door(visit, name, path):
    visitor = visit(None)
    assert visitor.go(path).status == 200
    assert visitor.barriers() == []
    visitor.shoot(name)
