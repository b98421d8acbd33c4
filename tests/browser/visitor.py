"""A browser window of one person that remembers every complaint: console and page errors, CSP reports, 5xx answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "build" / "screenshots"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WAIT_MS = 60_000  # a busy machine is slow and not broken
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
# Everything axe finds is told; these levels fail the test.
SERIOUS = {"serious", "critical"}
_REPORTS = (
    "document.addEventListener('securitypolicyviolation',"
    " e => console.error('CSP ' + e.violatedDirective + ' ' + e.blockedURI))"
)
_SCRIPT = re.compile(r"\.m?js(\?|$)")
# Charts draw again in the frame after the one in which they hear of a new size or scheme.
_DRAWN = (
    "() => new Promise(done => { let n = 3; const next = () => n-- ? requestAnimationFrame(next) : done(); next(); })"
)
# What is read only once somebody scrolls to it rests until then.
_RESTLESS = (
    "() => [...document.querySelectorAll('main .skeleton, main .htmx-request')].filter(part => part.checkVisibility())"
    ".filter(part => !part.closest('[hx-trigger^=intersect]:not(.htmx-request)')"
    " || part.getBoundingClientRect().top < innerHeight).map(part => part.outerHTML.slice(0, 240))"
)
_SHIFTS = (
    "window.shifts = []; new PerformanceObserver(list => shifts.push(...list.getEntries().map(one => one.value)))"
    ".observe({type: 'layout-shift', buffered: true})"
)


class Visitor:
    """One window; `page` is playwright's page."""

    def __init__(
        self, chromium: Any, base: str, state: Any = None, phone: bool = False, dark: bool = False, **more: Any
    ):
        self.base = base
        self.context = chromium.new_context(
            viewport=PHONE if phone else WIDE,
            has_touch=phone,
            color_scheme="dark" if dark else "light",
            storage_state=state,
            permissions=["clipboard-read", "clipboard-write"],
            **more,
        )
        self.context.set_default_timeout(WAIT_MS)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.expected: list[str] = []
        self.page.add_init_script(f"{_REPORTS}; {_SHIFTS}")
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.page.url}: {error}"))
        self.page.on("response", self._answered)

    def go(self, path: str, settle: bool = True) -> Any:
        """Open an address and wait until its parts are there."""
        answer = self.page.goto(self.base + path)
        if settle:
            self.settle()
        return answer

    def settle(self) -> None:
        """Wait until no skeleton is left in view and htmx is at rest; a page that never rests is told by its part."""
        from playwright.sync_api import TimeoutError as TooLong

        try:
            self.page.wait_for_function(f"() => document.readyState === 'complete' && !({_RESTLESS})().length")
        except TooLong:
            told = self.page.evaluate(f"() => [document.readyState, ...({_RESTLESS})()]")
            raise AssertionError(f"{self.page.url} does not settle: {told}") from None

    def reveal(self) -> None:
        """Scroll to each part that is read only once it is seen, as somebody does who reads the whole page."""
        while (waiting := self.page.locator("main .skeleton:visible")).count():
            waiting.first.scroll_into_view_if_needed()
            self.settle()

    def expect_complaint(self, pattern: str) -> None:
        """Allow what a test provokes on purpose."""
        self.expected.append(pattern)

    def shoot(self, name: str) -> None:
        """Keep screenshots of the whole page: wide and phone, light and dark; it must fit the phone."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        for width, size in (("wide", WIDE), ("phone", PHONE)):
            self.page.set_viewport_size(size)
            for scheme in ("light", "dark"):
                self.page.emulate_media(color_scheme=scheme)
                self.page.evaluate(_DRAWN)
                path = SHOTS / f"{name}-{width}-{scheme}.png"
                self.page.screenshot(path=path, full_page=True, animations="disabled", timeout=60_000)
            wide = self.page.evaluate("() => document.documentElement.scrollWidth")
            assert wide <= size["width"] or width == "wide", f"{name} is {wide} px wide on a phone"

    def look(self, phone: bool = False, dark: bool = False) -> None:
        """Change the size of the window and the scheme of the system."""
        self.page.set_viewport_size(PHONE if phone else WIDE)
        self.page.emulate_media(color_scheme="dark" if dark else "light")

    def barriers(self, *rules: str) -> list[str]:
        """Return what axe-core calls serious on this page, by these rules or by all."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE.read_text())
        asked = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
        found = self.page.evaluate("asked => axe.run(document, asked)", asked)["violations"]
        return [
            f"{one['id']} ({one['impact']}): {node['target']} {node['html'][:160]}"
            for one in found
            if one["impact"] in SERIOUS
            for node in one["nodes"]
        ]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return self.page.evaluate("() => document.documentElement.scrollWidth - innerWidth")

    def scripts(self) -> set[str]:
        """Return the paths of all scripts this page has loaded."""
        names = self.page.evaluate("() => performance.getEntriesByType('resource').map(one => one.name)")
        return {re.sub(r"^https?://[^/]+", "", name).partition("?")[0] for name in names if _SCRIPT.search(name)}

    def watch_shifts(self) -> None:
        """From now on note how far what is seen jumps by itself."""
        self.page.evaluate("() => { window.shifts = []; }")

    def shifted(self) -> float:
        """Return the sum of layout shifts since then, as browsers count them (0.1 is the limit of good)."""
        self.page.evaluate(_DRAWN)
        return sum(self.page.evaluate("() => window.shifts"))

    def tab_to(self, what: Any, most: int = 150) -> None:
        """Press Tab until the first of these (a locator) has the focus, as somebody without a mouse does."""
        what.first.wait_for()
        for _ in range(most):
            if what.first.evaluate("one => one === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{what} is not reached by {most} times Tab on {self.page.url}")

    def complained(self) -> list[str]:
        """Return what was complained of and not expected, and forget it."""
        told = [line for line in self.complaints if not any(re.search(one, line) for one in self.expected)]
        self.complaints.clear()
        self.expected.clear()
        return told

    def close(self) -> list[str]:
        """Close the window; return what was complained of and not expected."""
        self.context.close()
        return self.complained()

    def _said(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(f"{self.page.url}: {message.text} {message.location.get('url', '')}")

    def _answered(self, response: Any) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status} {response.request.method} {response.url}")


def hide(page: Any, yes: bool) -> None:
    """Let a page believe that its tab is in the background, or in front again."""
    page.evaluate(
        "yes => { const say = (name, value) => Object.defineProperty(document, name, {configurable: true, value});"
        " say('hidden', yes); say('visibilityState', yes ? 'hidden' : 'visible');"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        yes,
    )
