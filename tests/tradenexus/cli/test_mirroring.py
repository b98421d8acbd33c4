"""Bundles pulled from the platform itself: only what is not here yet, resumed, whole or not there, checked offline."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager

import pytest

from tests.kit import exports
from tests.kit.server import Server
from tradenexus.cli import mirroring
from tradenexus.cli.client import Client, Cut
from tradenexus.cli.failures import Failure

FIRST = f"{exports.FILLED}exports.fill(person, folder); exports.age(exports.build(person))"
SECOND = f"""{exports.FILLED}
rows = lake.daily([100.0, 100.2], first_day=lake.MONDAY + 100)
lake.put(person, folder, lake.offer(folder, rows, "BINANCE:ETH-BTC"))
exports.build(person)
"""
DATA = "tables/crypto_bars_1d/BINANCE_ETH-BTC/2024.parquet"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A platform with the bundle of the night before."""
    with Server(tmp_path_factory.mktemp("exports")) as running:
        running.run(FIRST)
        yield running


@pytest.fixture
def here(server, monkeypatch):
    monkeypatch.setenv("NEXUS_URL", server.url)
    monkeypatch.setenv("NEXUS_TOKEN", server.owner)


@pytest.fixture
def wire(monkeypatch):
    """What comes over the wire, (path, bytes) a download; `cut` is a path whose first download breaks after 1,000."""
    seen, plain = [], Client.stream

    class Wire:
        cut = ""

        def __init__(self):
            self.asked: dict[str, list[str]] = {}

        @property
        def total(self):
            return sum(size for _, size in seen)

    wire = Wire()

    @contextmanager
    def stream(self, path, params, headers):
        wire.asked.setdefault(path, []).append(headers.get("Range", ""))
        with plain(self, path, params, headers) as (answer, blocks):
            yield answer, counted(path, blocks)

    def counted(path, blocks):
        for block in blocks:
            if wire.cut and path.endswith(wire.cut):
                wire.cut = ""
                seen.append((path, 1000))
                yield block[:1000]
                raise Cut("the line broke")
            seen.append((path, len(block)))
            yield block

    monkeypatch.setattr(Client, "stream", stream)
    return wire


def pulled(nexus, *words):
    done = nexus("export", "pull", *words, "--json")
    assert done.code == 0, done.err
    return done.json


def test_a_bundle_is_pulled_whole_and_then_only_what_changed(here, server, nexus, wire, home):
    first = pulled(nexus, "latest", "--to", "bundles")
    assert (first["fetchedFiles"], first["keptFiles"], first["fetchedBytes"]) == (10, 0, wire.total)
    assert exports.faults(home / "bundles" / first["date"]) == []
    told = nexus("export", "verify", f"bundles/{first['date']}", "--json").json
    assert (told["rows"], told["heldBack"], told["verified"]) == (117, 3, True)

    before = wire.total
    again = pulled(nexus, first["date"], "--to", "bundles")
    assert (again["fetchedBytes"], wire.total) == (0, before)

    server.run(SECOND)
    second = pulled(nexus, "latest", "--to", "bundles")
    listed = nexus("export", "list", "--json").json
    assert [one["date"] for one in listed] == [second["date"], first["date"]]
    assert wire.total - before == second["fetchedBytes"] == listed[0]["changedBytes"]
    # a year of this instrument, the other one, what was held back, the views and the README
    assert second["keptFiles"] == 5
    assert len([path for path in wire.asked if path.endswith(f"files/{DATA}")]) == 1
    assert exports.faults(home / "bundles" / second["date"]) == []


def test_a_cut_line_goes_on_where_it_broke(here, nexus, wire, home):
    wire.cut = DATA
    done = pulled(nexus, "latest")
    (ranges,) = [asked for path, asked in wire.asked.items() if path.endswith(DATA)]
    assert ranges == ["", "bytes=1000-"]
    assert wire.total == done["fetchedBytes"]
    assert exports.faults(home / done["date"]) == []


def test_nothing_has_the_nights_name_until_all_of_it_is_here(here, nexus, monkeypatch, home):
    def ended(partial, target):
        raise Failure("ended here")

    with monkeypatch.context() as patch:
        patch.setattr(mirroring, "_appear", ended)
        assert nexus("export", "pull", "latest").code == 1
    (left,) = home.iterdir()
    assert left.name.startswith(".")
    assert nexus("export", "verify", left).code == 0  # it lacked the name alone


def test_what_was_fetched_before_a_kill_is_not_fetched_again(here, nexus, wire, home):
    done = pulled(nexus, "latest")
    (home / done["date"]).rename(home / f".{done['date']}.partial")
    (home / f".{done['date']}.partial" / DATA).unlink()
    size = json.loads((home / f".{done['date']}.partial/manifest.json").read_text())
    expected = next(each["sizeBytes"] for each in size["files"] if each["path"] == DATA)
    before = wire.total
    again = pulled(nexus, "latest")
    manifest = (home / done["date"] / "manifest.json").stat().st_size
    assert wire.total - before == again["fetchedBytes"] == expected + manifest


def test_another_build_of_the_night_takes_the_place_of_the_one_that_is_here(here, nexus, home):
    done = pulled(nexus, "latest")
    folder = home / done["date"]
    told = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(told))  # as of another build: other bytes
    (folder / "of-before").touch()
    assert pulled(nexus, "latest")["keptFiles"] == 9
    assert exports.faults(folder) == []
    assert [path.name for path in home.iterdir()] == [done["date"]]


@pytest.mark.parametrize("fault", ["flipped", "missing", "added", "manifest"])
def test_a_fault_is_found_without_a_server(here, nexus, home, monkeypatch, fault):
    folder = home / pulled(nexus, "latest")["date"]
    monkeypatch.setenv("NEXUS_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("NEXUS_TOKEN")
    assert nexus("export", "verify", folder).code == 0
    named = DATA
    if fault == "flipped":
        data = bytearray((folder / DATA).read_bytes())
        data[len(data) // 2] ^= 4
        (folder / DATA).write_bytes(data)
    elif fault == "missing":
        (folder / DATA).unlink()
    elif fault == "added":
        named = "tables/other.parquet"
        (folder / named).touch()
    else:
        named = "manifest.json"
        text = (folder / named).read_text()
        (folder / named).write_text(text.replace('"heldBack": 3', '"heldBack": 2', 1))
    done = nexus("export", "verify", folder, "--json")
    assert (done.code, done.error["code"]) == (1, "BUNDLE_DAMAGED")
    assert named in done.error["details"]["faults"][0]


def test_a_damaged_file_of_another_bundle_is_not_taken_over(here, nexus, home):
    done = pulled(nexus, "latest")
    (home / done["date"]).rename(home / "2000-01-01")
    data = bytearray((home / "2000-01-01" / DATA).read_bytes())
    data[100] ^= 1
    (home / "2000-01-01" / DATA).write_bytes(data)
    again = pulled(nexus, "latest")
    assert (again["fetchedFiles"], again["keptFiles"]) == (2, 8)
    assert exports.faults(home / done["date"]) == []


def test_a_manifest_that_leads_out_of_its_folder_is_refused(here, nexus, home):
    folder = home / pulled(nexus, "latest")["date"]
    told = json.loads((folder / "manifest.json").read_text())
    for path in ("../x", "/etc/passwd", "a/../../x", "a//b", ".hidden", "a\\b", 7):
        told["files"][0]["path"] = path
        (folder / "manifest.json").write_text(json.dumps(told))
        done = nexus("export", "verify", folder, "--json")
        assert (done.code, done.error["code"]) == (1, "BUNDLE_DAMAGED"), path
    shutil.rmtree(folder)
    assert nexus("export", "verify", folder, "--json").error["code"] == "NO_BUNDLE"


def test_another_workspace_pulls_nothing(here, server, nexus, monkeypatch, home):
    monkeypatch.setenv("NEXUS_TOKEN", server.stranger)
    assert nexus("export", "pull", "latest").code == 5
    assert list(home.iterdir()) == []
    assert nexus("export", "build").code == 1
