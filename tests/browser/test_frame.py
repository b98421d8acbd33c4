"""The frame by hand: sign in by link, walk the rail, theme and zone, the keyboard, the phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

RAIL = [
    "Home",
    "Datasets",
    "Uploads",
    "Jobs",
    "Vendors",
    "Lakehouse",
    "Publishes",
    "Backtests",
    "Exports",
    "Audit",
    "Settings",
]
GUEST = ("Local", "guest@example.org", "viewer")


def test_a_link_signs_in_once(visit, link):
    visitor = visit(None)
    path = link("Local", "second@example.org").removeprefix(visitor.base)
    visitor.go(path)
    visitor.page.get_by_role("button", name="Sign in").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Home")
    other = visit(None)
    other.go(path)
    other.expect_complaint("410")
    other.page.get_by_role("button", name="Sign in").click()
    expect(other.page.get_by_text("no longer works")).to_be_visible()


def test_signing_out_shuts_the_door(visit, link):
    visitor = visit(None)
    visitor.go(link("Local", "third@example.org").removeprefix(visitor.base))
    visitor.page.get_by_role("button", name="Sign in").click()
    visitor.page.get_by_label("Account of").click()
    visitor.page.get_by_role("button", name="Sign out").click()
    expect(visitor.page.get_by_text("You are signed out.")).to_be_visible()
    visitor.go("/audit/")
    expect(visitor.page).to_have_url(re.compile(r"/login/\?next=/audit/"))


def test_every_entry_of_the_rail_leads_to_its_screen(visit):
    visitor = visit()
    visitor.go("/")
    for name in RAIL:
        visitor.page.get_by_role("navigation", name="Main", exact=True).get_by_role("link", name=name).click()
        current = visitor.page.locator(".rail [aria-current=page]")
        expect(current).to_have_text(name)
        expect(visitor.page.locator("h1")).to_have_count(1)


def test_the_theme_is_right_at_first_paint(visit):
    visitor = visit()
    visitor.go("/audit/")
    button = visitor.page.locator("nx-theme button")
    expect(button).to_have_attribute("aria-label", "Theme: auto")
    button.click()
    button.click()
    expect(visitor.page.locator("html")).to_have_attribute("data-theme", "dark")
    visitor.page.route("**/*.js", lambda route: route.abort())  # the server paints it, no script
    visitor.expect_complaint("ERR_FAILED")
    visitor.go("/jobs/", settle=False)
    expect(visitor.page.locator("html")).to_have_attribute("data-theme", "dark")
    assert visitor.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 17, 22)"


def test_times_follow_the_zone(visit):
    visitor = visit(timezone_id="Asia/Tokyo")
    visitor.go("/audit/")
    time = visitor.page.locator("main nx-time time").first
    utc = time.text_content()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", utc)
    visitor.page.keyboard.press("z")
    expect(time).to_have_text(re.compile(r"\+09:00$"))
    visitor.page.keyboard.press("z")
    expect(time).to_have_text(re.compile(r"-0[45]:00$"))  # New York
    visitor.go("/audit/")
    expect(visitor.page.locator("main nx-time time").first).to_have_text(re.compile(r"-0[45]:00$"))
    visitor.page.keyboard.press("z")
    expect(visitor.page.locator("main nx-time time").first).to_have_text(utc)


def test_the_keyboard_leads_everywhere(visit):
    visitor = visit()
    visitor.go("/")
    for key, path in {
        "d": "/datasets/",
        "u": "/uploads/",
        "j": "/jobs/",
        "p": "/publishes/",
        "b": "/backtests/",
    }.items():
        visitor.page.keyboard.press("g")
        visitor.page.keyboard.press(key)
        visitor.page.wait_for_url(f"**{path}")
        visitor.page.wait_for_load_state()
    visitor.page.keyboard.press("?")
    expect(visitor.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    visitor.page.keyboard.press("Escape")
    visitor.page.keyboard.press("/")
    visitor.page.keyboard.type("AAPL")
    visitor.page.keyboard.press("Enter")
    expect(visitor.page).to_have_url(re.compile(r"/search\?q=AAPL"))


def test_rows_are_walked_and_opened_by_key(visit):
    visitor = visit()
    visitor.go("/datasets/")
    visitor.page.keyboard.press("j")
    expect(visitor.page.locator("tr.is-current")).to_have_count(1)
    first = visitor.page.locator("tr.is-current").text_content()
    visitor.page.keyboard.press("j")
    assert visitor.page.locator("tr.is-current").text_content() != first
    visitor.page.keyboard.press("k")
    visitor.page.keyboard.press("Enter")
    expect(visitor.page).to_have_url(re.compile(r"/datasets/ds_"))


def test_single_keys_can_be_switched_off(visit):
    visitor = visit(GUEST)
    visitor.go("/settings/profile/")
    visitor.page.get_by_label("Single keys act as shortcuts").uncheck()
    visitor.page.get_by_role("button", name="Save").click()
    expect(visitor.page.get_by_text("Saved.")).to_be_visible()
    visitor.page.keyboard.press("?")
    expect(visitor.page.get_by_role("dialog")).to_have_count(0)


def test_copy_as_copies_a_command_without_a_secret(visit):
    visitor = visit()
    visitor.go("/datasets/")
    visitor.page.keyboard.press("c")
    visitor.page.get_by_role("button", name="Copy").first.click()
    copied = visitor.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("curl")
    assert "$NEXUS_TOKEN" in copied
    assert "nx_" not in copied


def test_a_key_is_made_shown_once_and_revoked(visit, stack):
    visitor = visit(GUEST)
    visitor.go("/settings/keys/")
    visitor.page.get_by_label("Name").fill("from the browser")
    visitor.page.get_by_role("button", name="Make key").click()
    secret = visitor.page.get_by_label("The new key").text_content()
    assert secret.startswith("nx_")
    visitor.go("/settings/keys/")
    assert secret not in visitor.page.content()
    visitor.page.on("dialog", lambda dialog: dialog.accept())
    visitor.page.get_by_role("button", name="Revoke from the browser").click()
    expect(visitor.page.get_by_text("Revoked from the browser")).to_be_visible()


def test_a_viewer_is_told_which_role_is_missing(visit, things):
    visitor = visit(GUEST)
    visitor.go("/")
    expect(visitor.page.get_by_role("link", name="Upload data")).to_have_count(0)


def test_the_open_tab_is_in_sight_on_a_phone(visit, things):
    visitor = visit(phone=True)
    visitor.go(f"/datasets/{things['tape']}/activity/")
    expect(visitor.page.locator(".tabs [aria-current=page]")).to_be_in_viewport(ratio=0.9)


@pytest.mark.parametrize("name", ["Home", "Datasets", "Jobs", "Backtests"])
def test_the_phone_has_a_bottom_bar(visit, name):
    visitor = visit(phone=True)
    visitor.go("/audit/")
    visitor.page.get_by_role("navigation", name="Main, phone").get_by_role("link", name=name).click()
    expect(visitor.page.locator(".phone [aria-current=page]")).to_have_text(name)
    assert visitor.overflow() <= 0


def test_pages_can_be_read_without_scripts(visit):
    visitor = visit(java_script_enabled=False)
    visitor.page.goto(visitor.base + "/datasets/")
    assert visitor.page.get_by_role("link", name="us-daily-stocks").count() >= 1
    visitor.page.goto(visitor.base + "/audit/")
    assert visitor.page.locator("main tbody tr").count() > 10
    visitor.page.locator("main summary", has_text="Copy as").click()
    assert visitor.page.get_by_text("nexus audit list").is_visible()
