"""Nasty strings as names of columns and files, as symbols and values: shown as text everywhere, run nowhere."""

from __future__ import annotations

import csv

import pytest

from tests.browser.test_upload import choose, go

pytestmark = pytest.mark.browser

NASTY = [
    "<script>window.pwned=1</script>",
    "\"><img src=x onerror='window.pwned=1'>",
    "<svg/onload=window.pwned=1>",
    "</script><script>window.pwned=1</script>",
    "</template></style><b onmouseover=window.pwned=1>",
    "javascript:window.pwned=1",
    "{{ 7*7 }}{% include 'base.html' %}",
    "${7*7} #{7*7} <%= 7*7 %>",
    "'; DROP TABLE datasets_dataset; --",
    '=HYPERLINK("https://example.org","win")',
    "../../../../etc/passwd",
    "&lt;img src=x onerror=window.pwned=1&gt;",
    "\u202egnp.exe",
    "zero\u200bwidth \U0001f4a5 e\u0301",
    "x" * 120,
]
TABS = ["", "preview/", "chart/", "coverage/", "v/1/quality/", "lineage/", "versions/", "publish/", "activity/"]


@pytest.fixture
def window(visit):
    visitor = visit()
    visitor.expect_complaint("Failed to load resource")
    visitor.page.base = visitor.base
    return visitor


def hostile(path):
    """Write trades whose symbols, values and last column's names are nasty."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["time", "symbol", "price", "size", *NASTY])
        for at in range(len(NASTY) * 20):
            nasty = NASTY[at % len(NASTY)]
            table.writerow([1_700_000_000 + at, nasty, 100 + at % 5, 1, *NASTY])
        table.writerow([1_700_009_000, "A", NASTY[0], 1, *NASTY])
    return path


def untouched(page) -> None:
    """No script of the file ran and none of its markup became an element."""
    assert page.evaluate("window.pwned") is None
    markup = "img[src='x'], svg[onload], b[onmouseover], script:not([type='application/json'], [src])"
    assert page.locator(f"main :is({markup})").count() == 0


def test_nothing_of_a_hostile_file_is_ever_run(window, tmp_path):
    page = window.page
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    name = "<img src=x onerror=window.pwned=1>{{7*7}}"
    choose(page, hostile(tmp_path / f"{name}.csv"))
    page.click("[data-to-map]")
    page.wait_for_selector("[data-map-preview]")
    for nasty in (NASTY[0], NASTY[1], NASTY[6]):
        assert nasty in page.inner_text("[data-map-columns]")
    if page.is_disabled("[data-to-options]"):
        page.select_option("#map-kind", "trades")
        page.wait_for_selector("[data-to-options]:not([disabled])")
    untouched(page)
    page.click("[data-to-options]")
    page.click("[data-start]")
    page.wait_for_selector("#outcome .tile", timeout=120_000)
    untouched(page)
    dataset = page.get_by_role("link", name="Open dataset").get_attribute("href")
    for tab in TABS:
        window.go(dataset + tab)
        window.reveal()
        untouched(page)
    for path in ("/", "/uploads/", "/datasets/", "/jobs/", "/audit/", "/search?q=%3Cimg"):
        window.go(path)
        untouched(page)
    go(page, "/uploads/")
    assert name in page.inner_text("#uploads")
    assert dialogs == []
