"""The upload wizard in a real browser against the real stack: walk, reload, kill, sign-out, hostile content, phone."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import hide

pytestmark = pytest.mark.browser

ROW = ".up-queue .up-row"
PROBLEM = "nx-upload-session > [data-problem]"


@pytest.fixture
def page(visit):
    """A wide window; that a request was cut on purpose, the browser tells too."""
    return _page(visit())


def _page(visitor):
    visitor.expect_complaint("Failed to load resource")
    visitor.page.base = visitor.base
    return visitor.page


def go(page, path: str) -> None:
    page.goto(page.base + path)


def trades(path: Path, count: int, step_ms: int = 977) -> Path:
    rows = (
        f"{1_700_000_000_000 + at * step_ms},BTC-USD,{37_000 + at % 91 * 0.5},{(at % 9 + 1) / 10},"
        f"{'buy' if at % 3 else 'sell'}\n"
        for at in range(count)
    )
    path.write_text("time,symbol,price,amount,side\n" + "".join(rows))
    return path


def choose(page, path: Path) -> None:
    go(page, "/uploads/new/")
    page.set_input_files("[data-input]", path)
    page.wait_for_selector(".up-file")


def slow(page, bytes_per_s: int, line=None):
    """Let the page send over a line of that speed from now on; returns the line."""
    line = line or page.context.new_cdp_session(page)
    line.send("Network.enable")
    limits = {"offline": False, "latency": 5, "downloadThroughput": -1, "uploadThroughput": bytes_per_s}
    line.send("Network.emulateNetworkConditions", limits)
    return line


def begin(page, path: Path, bytes_per_s: int):
    """Go through the steps and start sending over a line of that speed; returns the line."""
    choose(page, path)
    page.click("[data-to-map]")
    page.wait_for_selector("[data-map-preview] tbody tr")
    page.click("[data-to-options]")
    line = slow(page, bytes_per_s)
    page.click("[data-start]")
    page.wait_for_selector(ROW)
    return line


def sent(page, percent: int) -> None:
    """Wait until at least so much is sent."""
    moved = "([bar, least]) => document.querySelector(bar)?.value >= least"
    page.wait_for_function(moved, arg=[f"{ROW} progress", percent], timeout=90_000)


def ends_well(page) -> None:
    page.wait_for_selector(".up-steps > li:nth-child(4)[data-state=done]", timeout=150_000)
    assert "GREEN" in page.inner_text("#outcome")


def test_a_file_goes_from_the_page_to_candles(page, tmp_path):
    choose(page, trades(tmp_path / "btc.csv", 20_000))
    card = page.inner_text(".up-file")
    assert "CSV" in card
    assert "comma" in card
    assert "trades" in card
    page.click("[data-to-map]")
    page.wait_for_selector("[data-map-preview] tbody tr")
    assert page.locator("[data-map-preview] tbody tr").count() == 50
    assert "2023-11-14 22:13:20Z" in page.inner_text("[data-map-time]")
    page.go_back()
    page.wait_for_selector("[data-step=file]:not([hidden])")
    page.go_forward()
    page.wait_for_selector("[data-step=map]:not([hidden])")
    page.click("[data-to-options]")
    assert page.input_value("[name=name]") == "btc.csv"
    page.click("[data-start]")
    ends_well(page)
    assert "20,000" in page.inner_text("#outcome")


def test_a_question_blocks_until_it_is_answered(page, tmp_path):
    path = tmp_path / "naive.csv"
    rows = (f"2024-01-{1 + at // 24:02d} {at % 24:02d}:00:00,{10 + at % 5},1\n" for at in range(200))
    path.write_text("time,price,size\n" + "".join(rows))
    choose(page, path)
    page.click("[data-to-map]")
    page.wait_for_selector("#question-timezone")
    assert page.is_disabled("[data-to-options]")
    page.select_option("#question-timezone", "America/New_York")
    page.wait_for_selector("[data-map-preview] tbody tr")
    assert "2024-01-01 05:00:00Z" in page.inner_text("[data-map-time]")
    assert page.is_enabled("[data-to-options]")
    page.select_option("#map-column-1", "")
    page.wait_for_selector("#map-missing")
    assert page.is_disabled("[data-to-options]")


def test_a_reload_goes_on_with_the_same_file_and_no_other(page, tmp_path):
    path = trades(tmp_path / "reload.csv", 160_000)
    begin(page, path, 1_600_000)
    sent(page, 40)
    page.once("dialog", lambda dialog: dialog.accept())  # it asks before it is left
    page.reload()
    page.wait_for_selector("[data-choose]")
    other = tmp_path / "other" / "reload.csv"
    other.parent.mkdir()
    data = bytearray(path.read_bytes())
    data[1_000_000] ^= 1
    other.write_bytes(data)
    page.set_input_files("nx-upload-session [data-input]", other)
    page.wait_for_selector(f"{PROBLEM} .problem")
    assert "This is another file" in page.inner_text(PROBLEM)
    go(page, "/uploads/")
    page.click(".up-row a:has-text('Resume')")
    page.wait_for_load_state()  # before its script runs nothing listens to the chooser
    page.set_input_files("nx-upload-session [data-input]", path)
    ends_well(page)


def test_a_file_that_cannot_pass_is_told_of_and_stopped_while_it_comes(page, tmp_path):
    path = tmp_path / "hopeless.csv"
    rows = (f"{1_700_000_000_000 + at * 977},BTC-USD,-37000.5,0.1,buy,{at}\n" for at in range(340_000))
    path.write_text("time,symbol,price,amount,side,id\n" + "".join(rows))
    assert path.stat().st_size * 3 // 10 > 4 << 20
    choose(page, path)
    page.click("[data-to-map]")
    page.click("[data-to-options]")
    page.check("[name=abortEarly]")
    slow(page, 1_200_000)
    page.click("[data-start]")
    early = page.locator(f"{ROW} .up-early")
    expect(early).to_contain_text("So far, of the first", timeout=60_000)
    expect(early).to_contain_text("Whatever still comes, this file cannot pass validation")
    expect(page.locator(ROW)).to_have_attribute("data-state", "failed", timeout=30_000)
    expect(page.locator(f"{ROW} .progress-words")).to_contain_text("was cancelled")
    go(page, f"/uploads/{page.locator(ROW).get_attribute('data-upload')}/")
    expect(page.locator("#outcome")).to_contain_text("This upload was stopped early, as was asked")


def test_a_pause_keeps_what_was_sent(page, tmp_path):
    begin(page, trades(tmp_path / "pause.csv", 120_000), 1_600_000)
    sent(page, 20)
    page.click(f"{ROW} button:has-text('Pause')")
    page.wait_for_selector(f"{ROW}[data-state=paused]")
    assert "Paused at" in page.inner_text(ROW)
    page.click(f"{ROW} button:has-text('Resume')")
    ends_well(page)


def test_a_killed_server_is_waited_for(page, stack, tmp_path):
    begin(page, trades(tmp_path / "killed.csv", 160_000), 1_600_000)
    sent(page, 20)
    os.kill(stack.pids()["web"], signal.SIGKILL)
    ends_well(page)


def test_offline_goes_on_by_itself(page, tmp_path):
    begin(page, trades(tmp_path / "offline.csv", 160_000), 1_600_000)
    sent(page, 20)
    page.context.set_offline(True)
    page.wait_for_selector(f"{ROW}[data-state=offline]")
    page.context.set_offline(False)
    ends_well(page)


def test_a_sign_out_loses_nothing(page, stack, tmp_path):
    begin(page, trades(tmp_path / "signedout.csv", 300_000), 3_000_000)  # more than one request long
    sent(page, 20)
    kept = page.context.cookies()
    page.context.clear_cookies(name="sessionid")
    page.wait_for_selector(f"{ROW}[data-state=signed-out]")
    with page.expect_popup() as popup:
        page.click(f"{ROW} button:has-text('Sign in again')")
    assert "/login/" in popup.value.url
    page.context.add_cookies(kept)
    ends_well(page)


def test_several_files_go_three_at_a_time(page, tmp_path):
    paths = [trades(tmp_path / f"part{at}.csv", 30_000 + at) for at in range(4)]
    go(page, "/uploads/new/")
    page.set_input_files("[data-input]", paths)
    page.wait_for_selector(".up-file:nth-child(4)")
    page.click("[data-to-map]")
    page.wait_for_selector("[data-map-preview] tbody tr")
    page.click("[data-to-options]")
    page.click("[data-start]")
    expect(page.locator(f"{ROW}[data-state=done]")).to_have_count(4, timeout=150_000)  # the last need not end last
    assert page.url.endswith("/uploads/")


def test_a_teammate_watches_and_a_stranger_sees_nothing(page, visit, tmp_path):
    mate, stranger = (
        visit(("Local", "mate@example.org", "editor")),
        visit(("Elsewhere", "stranger@example.org", "admin")),
    )
    mate.go("/uploads/")
    line = begin(page, trades(tmp_path / "watched.csv", 160_000), 100_000)
    sent(page, 1)
    row = mate.page.locator(".up-row", has_text="watched.csv")
    expect(row).to_contain_text("being sent")
    place = urlsplit(page.url).path
    mate.go(place)
    expect(mate.page.get_by_role("progressbar", name="Upload of watched.csv").first).to_be_visible()
    stranger.expect_complaint("404")
    assert stranger.go(place).status == 404
    stranger.go("/uploads/")
    assert "watched.csv" not in stranger.page.inner_text("main")
    slow(page, 8_000_000, line)
    ends_well(page)
    ends_well(mate.page)


def test_a_hidden_tab_sends_on_and_shows_the_true_state(page, tmp_path):
    begin(page, trades(tmp_path / "hidden.csv", 120_000), 1_600_000)
    sent(page, 10)
    hide(page, True)
    ends_well(page)
    hide(page, False)
    ends_well(page)


def test_a_pasted_address_is_answered_with_the_line_that_fetches_it(page):
    go(page, "/uploads/new/?dataset=")
    page.evaluate('navigator.clipboard.writeText("https://example.org/it\'s.csv?a=1&b=$(id)")')
    page.locator("h2", has_text="Choose a file").focus()
    page.keyboard.press("ControlOrMeta+v")
    line = page.locator("nx-upload-url code")
    expect(line).to_have_text(r"nexus upload 'https://example.org/it'\''s.csv?a=1&b=$(id)' --wait")
    page.locator("nx-upload-url").get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").startswith("nexus upload 'https://")
    page.get_by_label("Or paste the address of a file").fill("ftp://example.org/a.csv")
    expect(page.get_by_text("Only http and https")).to_be_visible()
    expect(line).to_be_hidden()
