"""A large file in the browser is sent piece by piece: the page's memory stays flat. The whole gigabyte is a soak."""

from __future__ import annotations

import pytest

from tests.browser.test_upload import ROW, choose, sent, slow, trades

MB = 1 << 20


def longer(path, size: int):
    """Make a file of trades so long; what is added is a hole, cheap to make."""
    trades(path, 40_000)
    with path.open("r+b") as file:
        file.truncate(size)
    return path


class Memory:
    """What a page holds: its JavaScript heap, after a collection, and its nodes."""

    def __init__(self, page):
        self.wire = page.context.new_cdp_session(page)
        self.wire.send("Performance.enable")

    def heap(self) -> float:
        self.wire.send("HeapProfiler.collectGarbage")
        told = self.wire.send("Performance.getMetrics")["metrics"]
        return next(one["value"] for one in told if one["name"] == "JSHeapUsedSize") / MB


def heap_while_sending(visitor, path, marks) -> list[float]:
    """Send a file; return the heap in MB before and at each mark (percent), and cancel it after the last."""
    page = visitor.page
    page.base = visitor.base
    visitor.expect_complaint("Failed to load resource")
    choose(page, path)
    page.click("[data-to-map]")
    page.wait_for_selector("[data-map-preview] tbody tr")
    page.click("[data-to-options]")
    memory = Memory(page)
    line = slow(page, 20 * MB)
    found = [memory.heap()]
    page.click("[data-start]")
    page.wait_for_selector(ROW)
    for percent in marks:
        sent(page, percent)
        found.append(memory.heap())
    print(f"{path.stat().st_size / MB:.0f} MB: heap {', '.join(f'{one:.1f}' for one in found)} MB at start, {marks} %")
    slow(page, 20_000, line)  # it must not end before it is cancelled
    page.once("dialog", lambda dialog: dialog.accept())
    page.click(f"{ROW} button:has-text('Cancel')")
    page.wait_for_selector(f"{ROW}[data-state=cancelled]")
    return found


@pytest.mark.browser
def test_a_large_file_is_never_in_memory(visit, tmp_path):
    found = heap_while_sending(visit(), longer(tmp_path / "large.csv", 128 * MB), [10, 40, 70])
    assert max(found) < found[0] + 12


@pytest.mark.soak
def test_a_gigabyte_keeps_the_memory_flat(visit, tmp_path):
    found = heap_while_sending(visit(), longer(tmp_path / "gigabyte.csv", 1_024 * MB), [1, 10, 25, 50, 75, 95])
    assert max(found) < found[0] + 12
