"""The page ends in the true state: live, after a hidden tab, after a break, and where sockets are refused."""

from __future__ import annotations

import re
import uuid

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser import failures
from tests.browser.conftest import BROKEN, ME
from tests.browser.visitor import hide

pytestmark = pytest.mark.browser

SEEN = "main [id^=entry-]"
SEEN_BY = {"home": "Make candles", "candles": re.compile(r"v\d+ \(latest\)")}


def happen(api) -> None:
    """Something that every audit page of the workspace must show: a key is made."""
    answer = api.post("/v1/keys", json={"name": f"k-{uuid.uuid4().hex[:6]}", "scopes": ["read"]})
    assert answer.status_code == 201


def newest(visitor) -> int:
    return int(visitor.page.locator(SEEN).first.get_attribute("id").removeprefix("entry-"))


def test_the_badge_says_live_and_the_page_follows(visit, api):
    visitor = visit()
    visitor.go("/audit/")
    expect(visitor.page.locator("nx-live")).to_have_attribute("data-state", "live")
    before = newest(visitor)
    happen(api)
    expect(visitor.page.locator(f"#entry-{before + 1}")).to_be_visible()


def test_a_second_person_of_the_workspace_sees_it_too_and_a_stranger_does_not(visit, api):
    mate = visit(("Local", "mate@example.org", "editor"))
    stranger = visit(("Elsewhere", "stranger@example.org", "admin"))
    mate.go("/audit/")
    stranger.go("/audit/")
    before, theirs = newest(mate), newest(stranger)
    expect(mate.page.locator("nx-live")).to_have_attribute("data-state", "live")
    happen(api)
    expect(mate.page.locator(f"#entry-{before + 1}")).to_be_visible()
    assert newest(stranger) == theirs


def test_a_broken_connection_is_taken_up_where_it_ended(visit, api):
    visitor = visit()
    visitor.go("/audit/")
    expect(visitor.page.locator("nx-live")).to_have_attribute("data-state", "live")
    before = newest(visitor)
    visitor.expect_complaint("ERR_INTERNET_DISCONNECTED|WebSocket")
    visitor.page.evaluate("document.querySelector('nx-live').socket.close()")
    visitor.context.set_offline(True)
    happen(api)
    happen(api)
    visitor.context.set_offline(False)
    expect(visitor.page.locator(f"#entry-{before + 2}")).to_be_visible()
    expect(visitor.page.locator("nx-live")).to_have_attribute("data-state", "live")


def test_a_hidden_tab_shows_the_true_state_when_it_is_looked_at_again(visit, api):
    visitor = visit()
    visitor.go("/audit/")
    expect(visitor.page.locator("nx-live")).to_have_attribute("data-state", "live")
    before = newest(visitor)
    hide(visitor.page, True)
    visitor.page.evaluate("document.querySelector('nx-live').socket.close()")
    expect(visitor.page.locator("nx-live")).to_have_attribute("data-state", "paused")
    happen(api)
    hide(visitor.page, False)
    expect(visitor.page.locator(f"#entry-{before + 1}")).to_be_visible()
    expect(visitor.page.locator("nx-live")).to_have_attribute("data-state", "live")


def test_where_sockets_are_refused_the_page_polls(visit, api):
    visitor = visit()
    visitor.expect_complaint("WebSocket")
    visitor.page.add_init_script(
        "const Real = WebSocket; WebSocket = class { constructor() { this.readyState = 3; this.listeners = [];"
        " setTimeout(() => this.listeners.forEach(f => f({}))); } addEventListener(n, f)"
        " { if (n === 'close') this.listeners.push(f); } close() {} static CLOSING = 2; };"
    )
    visitor.go("/audit/")
    expect(visitor.page.locator("nx-live")).to_have_attribute("data-state", "polling")
    before = newest(visitor)
    happen(api)
    expect(visitor.page.locator(f"#entry-{before + 1}")).to_be_visible(timeout=15_000)


def test_rows_do_not_move_under_the_pointer(visit, api):
    visitor = visit()
    visitor.go("/audit/")
    expect(visitor.page.locator("nx-live")).to_have_attribute("data-state", "live")
    before = newest(visitor)
    visitor.page.locator(SEEN).nth(1).hover()
    happen(api)
    pill = visitor.page.get_by_role("button", name=re.compile("1 new - show"))
    expect(pill).to_be_visible()
    assert newest(visitor) == before
    pill.click()
    expect(visitor.page.locator(f"#entry-{before + 1}")).to_be_visible()
    expect(pill).to_have_count(0)


def test_what_a_person_did_elsewhere_is_told_on_every_page(visit, api):
    assert ME[0] == "Local"
    visitor = visit()
    visitor.go("/settings/appearance/")
    expect(visitor.page.locator("nx-live")).to_have_attribute("data-state", "live")
    visitor.page.evaluate(
        "document.dispatchEvent(new CustomEvent('nx:event', {detail: {type: 'version.status', object: 'dsv_1',"
        " new: 'validation_failed', reason: '<img src=x onerror=alert(1)>'}}))"
    )
    expect(visitor.page.locator("#alerts .toast")).to_contain_text("<img src=x")


@pytest.mark.parametrize(("place", "frequency"), [("home", "5m"), ("candles", "15m")])
def test_nothing_jumps_when_news_come(visit, stack, broken, place, frequency):
    visitor = visit(BROKEN)
    visitor.go(broken[place])
    expect(visitor.page.locator("nx-live")).to_have_attribute("data-state", "live")
    visitor.watch_shifts()
    headers = {"Authorization": f"Bearer {broken['key']}"}
    with httpx.Client(base_url=stack.state["url"], headers=headers, timeout=60) as api:
        dataset = broken["candles"].split("/")[2]
        made = api.post(f"/v1/datasets/{dataset}/transform/candles", json={"version": 1, "frequency": frequency})
        assert made.is_success, made.text
        failures.ended(api, made.json()["job"]["id"])
    expect(visitor.page.locator("main")).to_contain_text(SEEN_BY[place])
    assert visitor.shifted() <= 0.1
