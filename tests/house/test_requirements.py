"""Every package an installation gets is pinned and checked by hash, and none is older than its known hole."""

import json
import re

import pytest
from packaging.version import Version

from tests.house import tree

LOCKS = sorted((tree.ROOT / "requirements").glob("*.txt"))
NODE_LOCKS = [path for path in tree.files() if path.name == "package-lock.json"]
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


@pytest.mark.parametrize("lock", NODE_LOCKS, ids=tree.name)
def test_node_packages_are_pinned_without_naming_a_host(lock):
    text = lock.read_text()
    assert '"integrity": "sha512-' in text
    assert "http" not in re.sub(r'"url": "[^"]*"', "", text)


def test_only_what_pages_load_is_in_the_product():
    # Peers and test clients have lock files of their own.
    assert [name for name in ("uppy", "@tus/server") if name in (tree.ROOT / "package-lock.json").read_text()] == []


def test_the_clients_that_are_tested_are_told_with_their_versions():
    rows = [row for row in (tree.ROOT / "docs/uploads.md").read_text().splitlines() if row.startswith("| ")]
    tuspy = re.search(r"^tuspy==(\S+)", (tree.ROOT / "requirements/dev.txt").read_text(), re.M)
    assert tuspy
    versions = {"tuspy": {tuspy[1]}, "tus-js-client": {_locked("package-lock.json", "tus-js-client")}}
    clients = "tests/kit/clients/package-lock.json"
    versions["Uppy"] = {_locked(clients, name) for name in ("uppy", "@uppy/core", "@uppy/tus")}
    for client, wanted in versions.items():
        told = [row.split("|")[2] for row in rows if row.startswith(f"| {client} ")]
        assert told
        assert [set(re.findall(r"\d+\.\d+\.\d+", text)) for text in told] == [wanted] * len(told)


def _locked(lock: str, package: str) -> str:
    return str(json.loads((tree.ROOT / lock).read_text())["packages"][f"node_modules/{package}"]["version"])
