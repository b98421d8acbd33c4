"""JavaScript by weight: what each page really loads, compressed. Base page at most 45 KB, the heaviest 150 KB."""

from __future__ import annotations

import gzip

import pytest

from tests.browser.test_screens import OTHERS, SCREENS

pytestmark = pytest.mark.browser

BASE, HEAVIEST = 45_000, 150_000
PLAIN = ["home", "audit", "settings-keys", "search"]


def weigh(stack, scripts: set[str]) -> int:
    static = stack.home.root / "static"
    files = [static / path.removeprefix("/static/") for path in scripts]
    assert all(file.exists() for file in files), scripts
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)


@pytest.mark.parametrize("name", [name for name in SCREENS if name not in OTHERS])
def test_a_page_loads_no_more_than_its_budget(visit, stack, things, name):
    visitor = visit()
    visitor.go(SCREENS[name].format(**things))
    scripts = visitor.scripts()
    assert scripts
    weight = weigh(stack, scripts)
    print(f"{name}: {weight / 1000:.1f} KB in {len(scripts)} scripts")
    assert weight <= (BASE if name in PLAIN else HEAVIEST)
