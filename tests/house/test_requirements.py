"""Every package an installation gets is pinned and checked by hash, and none is older than its known hole."""

import re

import pytest
from packaging.version import Version

from tests.house import tree

LOCKS = sorted((tree.ROOT / "requirements").glob("*.txt"))
PINNED = re.compile(r"[a-z0-9._-]+(\[[a-z0-9,_-]+\])?==\S+ .*--hash=sha256:")
FLOORS = {"pyarrow": "14.0.1", "django": "5.2", "duckdb": "1.1.0"}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_requirement_is_pinned_with_hashes(lock):
    text = lock.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert lines
    assert [line[:60] for line in lines if not PINNED.match(line)] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_lock_file_has_its_source(lock):
    assert lock.with_suffix(".in").exists()


def test_known_holes_are_below_the_pins():
    pins = dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", (tree.ROOT / "requirements/base.txt").read_text(), re.M))
    assert {name: pins[name] for name, floor in FLOORS.items() if Version(pins[name]) < Version(floor)} == {}


def test_browser_files_are_pinned_without_naming_a_host():
    lock = (tree.ROOT / "package-lock.json").read_text()
    assert '"integrity": "sha512-' in lock
    assert "http" not in re.sub(r'"url": "[^"]*"', "", lock)
