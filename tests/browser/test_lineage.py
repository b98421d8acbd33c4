"""`+n` in a lineage: in place where scripts run, a plain link where none do; list and drawing show the same."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ME

pytestmark = pytest.mark.browser


def drawn(page) -> set[str]:
    """The ids in the drawing, which are those of the list."""
    found = page.eval_on_selector_all("nx-lineage [data-id]", "all => all.map(one => one.dataset.id)")
    listed = page.eval_on_selector_all(".ds-lineage-list > li", "all => all.map(one => one.id)")
    assert sorted(found) == sorted(listed)
    return set(found)


def test_more_of_a_node_is_added_in_place(visit, things):
    visitor = visit()
    page = visitor.page
    visitor.go(f"/datasets/{things['tape']}/v/1/lineage/")
    page.wait_for_selector("nx-lineage svg")
    before = drawn(page)
    page.evaluate("() => { window.stayed = true; }")
    more = page.locator("nx-lineage [data-more=down]").first
    node = more.get_attribute("data-node")
    more.click()
    expect(page).to_have_url(re.compile(rf"focus={node}&depth=1"))
    expect(page.locator("[data-lineage-said]")).to_have_text(re.compile(r"^[1-9]\d* more steps are shown$"))
    after = drawn(page)
    assert before < after
    assert page.evaluate("() => window.stayed")
    expect(page.locator(f".ds-lineage-list [data-more=down][data-node='{node}']:visible")).to_have_count(0)
    assert page.evaluate("() => document.activeElement.closest('[data-id]')?.dataset.id") == node
    assert visitor.barriers() == []
    visitor.shoot("lineage-expanded")
    while (link := page.locator(".ds-lineage-list [data-more]:visible")).count():
        node, way = (link.first.get_attribute(f"data-{name}") for name in ("node", "more"))
        link.first.click()  # what it adds may be an edge only, to a step that is shown already
        expect(page.locator(f".ds-lineage-list [data-more={way}][data-node='{node}']:visible")).to_have_count(0)
    kinds = page.locator(".ds-lineage-list > li > span:first-child").all_inner_texts()
    assert {"upload", "version", "publication", "symbol", "strategy", "backtest", "report"} <= set(kinds)
    address = page.url
    page.reload()  # the address can be shared: it shows what was looked at last
    page.wait_for_selector("nx-lineage svg")
    assert page.url == address
    assert page.locator("nx-lineage .is-here").count() == 1


def test_the_same_link_leads_on_without_scripts(chromium, stack, signed_in, things):
    context = chromium.new_context(storage_state=signed_in(*ME), java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{stack.state['url']}/datasets/{things['tape']}/v/1/lineage/")
    link = page.locator(".ds-lineage-list [data-more=down]").first
    node = link.get_attribute("data-node")
    link.click()
    assert f"focus={node}" in page.url
    expect(page.get_by_text("Around")).to_be_visible()
    expect(page.locator(f".ds-lineage-list [data-more=down][data-node='{node}']")).to_have_count(0)
    page.get_by_label("Steps").select_option("3")
    page.get_by_label("Shown").select_option("up")
    page.get_by_role("button", name="Show", exact=True).click()
    assert "depth=3" in page.url
    assert "dir=up" in page.url
    assert f"focus={node}" in page.url
    context.close()
