"""The upload wizard in a real browser against the real stack: walk, reload, kill, sign-out, hostile content, phone."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

ROW = ".up-queue .up-row"
PROBLEM = "nx-upload-session > [data-problem]"


@pytest.fixture
def page(visit):
    """A wide window; that a request was cut on purpose, the browser tells too."""
    return _page(visit())


@pytest.fixture
def phone(visit):
    """The same on a phone."""
    return _page(visit(phone=True))


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


def begin(page, path: Path, bytes_per_s: int) -> None:
    """Go through the steps and start sending over a line of that speed."""
    choose(page, path)
    page.click("[data-to-map]")
    page.wait_for_selector("[data-map-preview] tbody tr")
    page.click("[data-to-options]")
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 5, "downloadThroughput": -1, "uploadThroughput": bytes_per_s},
    )
    page.click("[data-start]")
    page.wait_for_selector(ROW)


def sent(page, percent: int) -> None:
    """Wait until at least so much is sent."""
    bar = page.locator(f"{ROW} progress")
    deadline = time.monotonic() + 60
    while float(bar.get_attribute("value")) < percent:
        assert time.monotonic() < deadline, page.inner_text(ROW)
        time.sleep(0.05)


def ends_well(page) -> None:
    page.wait_for_selector(".up-steps > li:nth-child(4)[data-state=done]", timeout=90_000)
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
    page.wait_for_selector("[data-map-preview] tbody tr", timeout=40_000)
    assert "2024-01-01 05:00:00Z" in page.inner_text("[data-map-time]")
    assert page.is_enabled("[data-to-options]")
    page.select_option("#map-column-1", "")
    page.wait_for_selector("#map-missing", timeout=40_000)
    assert page.is_disabled("[data-to-options]")


def test_a_reload_goes_on_with_the_same_file_and_no_other(page, tmp_path):
    path = trades(tmp_path / "reload.csv", 600_000)
    begin(page, path, 8_000_000)
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
    page.set_input_files("nx-upload-session [data-input]", path)
    ends_well(page)


def test_a_pause_keeps_what_was_sent(page, tmp_path):
    begin(page, trades(tmp_path / "pause.csv", 400_000), 6_000_000)
    sent(page, 20)
    page.click(f"{ROW} button:has-text('Pause')")
    page.wait_for_selector(f"{ROW}[data-state=paused]")
    assert "Paused at" in page.inner_text(ROW)
    page.click(f"{ROW} button:has-text('Resume')")
    ends_well(page)


def test_a_killed_server_is_waited_for(page, stack, tmp_path):
    begin(page, trades(tmp_path / "killed.csv", 500_000), 6_000_000)
    sent(page, 20)
    os.kill(stack.pids()["web"], signal.SIGKILL)
    ends_well(page)


def test_offline_goes_on_by_itself(page, tmp_path):
    begin(page, trades(tmp_path / "offline.csv", 500_000), 6_000_000)
    sent(page, 20)
    page.context.set_offline(True)
    page.wait_for_selector(f"{ROW}[data-state=offline]")
    page.context.set_offline(False)
    ends_well(page)


def test_a_sign_out_loses_nothing(page, stack, tmp_path):
    begin(page, trades(tmp_path / "signedout.csv", 500_000), 6_000_000)
    sent(page, 20)
    kept = page.context.cookies()
    page.context.clear_cookies(name="sessionid")
    page.wait_for_selector(f"{ROW}[data-state=signed-out]", timeout=30_000)
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
    page.wait_for_selector(f"{ROW}:nth-child(4)[data-state=done]", timeout=60_000)
    assert page.locator(f"{ROW}[data-state=done]").count() == 4
    assert page.url.endswith("/uploads/")


def test_nothing_of_a_hostile_file_is_ever_run(page, tmp_path):
    bad = "<img src=x onerror=alert(1)>"
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    path = tmp_path / f"{bad.replace('/', '')}.csv"
    rows = "".join(f'{1_700_000_000 + at},"{bad}",{100 + at % 5},1,{bad}{{{{7*7}}}}\n' for at in range(300))
    path.write_text(f'time,symbol,price,size,"{bad}\'"""\n{rows}1700000400,A,{bad},1,x\n')
    choose(page, path)
    page.click("[data-to-map]")
    page.wait_for_selector("[data-map-preview]")
    assert bad in page.inner_text("[data-map-columns]")
    if page.is_disabled("[data-to-options]"):
        page.select_option("#map-kind", "trades")
        page.wait_for_selector("[data-to-options]:not([disabled])")
    page.click("[data-to-options]")
    page.click("[data-start]")
    page.wait_for_selector("#outcome .tile", timeout=60_000)
    assert page.locator("img[src=x]").count() == 0
    go(page, "/uploads/")
    assert bad in page.inner_text("#uploads")
    assert dialogs == []


def test_the_walk_fits_a_phone(phone, tmp_path):
    choose(phone, trades(tmp_path / "phone.csv", 5_000))
    for step in ("to-map", "to-options", "start"):
        wide = phone.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, step
        phone.click(f"[data-{step}]")
        if step == "to-map":
            phone.wait_for_selector("[data-map-preview] tbody tr")
    ends_well(phone)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_keyboard_is_enough(page, tmp_path):
    go(page, "/uploads/new/")
    page.wait_for_selector("nx-upload:defined")
    page.focus("[data-drop]")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(trades(tmp_path / "keys.csv", 5_000))
    page.wait_for_selector("[data-to-map]:focus")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-map-preview] tbody tr")
    for button in ("[data-to-options]", "[data-start]"):
        for _ in range(80):
            if page.locator(f"{button}:focus").count():
                break
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
    ends_well(page)


def test_a_large_file_is_never_in_memory(page, tmp_path):
    path = trades(tmp_path / "large.csv", 40_000)
    with path.open("r+b") as file:
        file.truncate(300 << 20)  # a hole: long, and cheap to make
    choose(page, path)
    metrics = page.context.new_cdp_session(page)
    metrics.send("Performance.enable")
    page.click("[data-to-map]")
    page.wait_for_selector("[data-map-preview] tbody tr")
    page.click("[data-to-options]")
    page.click("[data-start]")
    page.wait_for_selector(ROW)
    sent(page, 50)
    told = {each["name"]: each["value"] for each in metrics.send("Performance.getMetrics")["metrics"]}
    assert told["JSHeapUsedSize"] < 40 << 20
    page.once("dialog", lambda dialog: dialog.accept())
    page.click(f"{ROW} button:has-text('Cancel')")
    page.wait_for_selector(f"{ROW}[data-state=cancelled]")
