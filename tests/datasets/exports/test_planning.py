"""What a bundle consists of: names of folders and files, what is held back, and one moment of the lake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, timedelta

import pytest

from datasets.exports import planning
from datasets.exports.planning import Wanted
from datasets.lake import ledger
from datasets.models import LakeEntry
from tests.house.tree import ROOT
from tests.kit import exports, lake
from tradenexus import db


def test_a_folder_is_the_instruments_name():
    found = planning.folders([("trades", "BINANCE:ETH-BTC"), ("trades", "FX:EURUSD=X"), ("quotes", "BINANCE:ETH-BTC")])
    assert found["trades", "BINANCE:ETH-BTC"] == found["quotes", "BINANCE:ETH-BTC"] == "BINANCE_ETH-BTC"
    assert found["trades", "FX:EURUSD=X"] == "FX_EURUSD~X"


@pytest.mark.parametrize("pair", [("A_B:C", "A:B_C"), ("X:abc", "X:ABC"), ("A_X:y=", "A:X_Y=")])
def test_names_that_would_meet_are_kept_apart(pair):
    found = planning.folders([("trades", pair[0]), ("trades", pair[1]), ("trades", "Z:OTHER")])
    one, other = (found["trades", name] for name in pair)
    assert one.casefold() != other.casefold()
    assert "~" in one
    assert found["trades", "Z:OTHER"] == "Z_OTHER"
    assert planning.folders([("trades", pair[1]), ("trades", pair[0])])["trades", pair[0]] == one


def test_a_file_is_named_by_its_span():
    at = lake.ns("2024-03-08T00:00")
    assert planning.span_name("crypto_bars_1d", lake.ns("2024-01-01")) == "2024"
    assert planning.span_name("crypto_bars_1m", lake.ns("2024-03-01")) == "2024-03"
    assert planning.span_name("trades", at) == "2024-03-08"


@pytest.mark.parametrize(
    ("verdict", "amber", "held"),
    [
        ("GREEN", False, False),
        ("AMBER", False, True),
        ("AMBER", True, False),
        ("RED", False, True),
        ("RED", True, True),
    ],
)
def test_red_never_comes_along_and_amber_when_it_is_asked_for(verdict, amber, held):
    assert Wanted(include_amber=amber).holds_back(verdict) is held


@pytest.fixture
def filled(owner, tmp_path):
    exports.fill(owner, tmp_path)
    return owner


def made(person, tmp_path, **parameters):
    path = tmp_path / "ledger.jsonl"
    plan = planning.make(person.tenant.id, Wanted.of(parameters), path)
    return plan, [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.django_db(transaction=True)
def test_a_reviewers_word_counts_while_it_holds(filled, tmp_path):
    entry = LakeEntry.of(filled.tenant.id).get(instrument="BINANCE:BTC=F_X")
    day, good = date.fromisoformat(exports.AMBER_DAY), date(2024, 10, 8)
    until = db.now() + timedelta(days=1)
    with db.atomic():
        ledger.override(filled.actor, entry, day, "GREEN", "the move was real", until)
        ledger.override(filled.actor, entry, good, "RED", "the venue cancelled these", until)
    plan, lines = made(filled, tmp_path)
    held = {each["session"]: each for each in plan.held_back}
    assert exports.AMBER_DAY not in held
    assert (held["2024-10-08"]["status"], held["2024-10-08"]["reason"]) == ("RED", "the venue cancelled these")
    told = {each["session"]: each for each in lines if each["instrument"] == entry.instrument}
    assert (told[exports.AMBER_DAY]["status"], told[exports.AMBER_DAY]["verdict"]) == ("AMBER", "GREEN")
    assert told[exports.AMBER_DAY]["exported"]
    (part,) = [each for each in plan.parts if each.held]
    assert part.held == ((good - date(1970, 1, 1)).days,)
    assert part.recipe != part.sha256


@pytest.mark.django_db(transaction=True)
def test_a_commit_between_two_looks_is_in_it_wholly(filled, tmp_path, monkeypatch):
    late = tmp_path / "late"
    late.mkdir()
    members = planning._Planner._members
    once = []

    def slow(planner):
        if not once:
            once.append(True)
            lake.put(
                filled, late, lake.offer(late, lake.daily([100.0], first_day=lake.MONDAY + 100), "BINANCE:ETH-BTC")
            )
        return members(planner)

    if not db.is_sqlite():
        pytest.skip("PostgreSQL reads in one snapshot: a writer beside it is not seen")
    monkeypatch.setattr(planning._Planner, "_members", slow)
    plan, lines = made(filled, tmp_path)
    rows = sum(each["rows"] for each in lines if each["instrument"] == "BINANCE:ETH-BTC")
    assert rows == sum(part.rows for part in plan.parts if part.instrument == "BINANCE:ETH-BTC") == 101


@pytest.mark.django_db(transaction=True)
def test_a_stranger_has_nothing_of_it(filled, stranger, tmp_path):
    plan, lines = made(stranger, tmp_path)
    assert (plan.parts, plan.catalog, plan.held_back, lines) == ([], {}, [], [])


LIGHT = """
import sys, django; django.setup()
import datasets.tasks, datasets.urls
print([name for name in ("numpy", "pyarrow", "pandas", "duckdb", "exchange_calendars") if name in sys.modules])
"""


def test_a_resting_worker_and_the_web_load_nothing_heavy_for_it(tmp_path):
    kept = {"PATH": os.environ["PATH"], "NEXUS_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    kept |= {"DJANGO_SETTINGS_MODULE": "tradenexus.settings"}
    done = subprocess.run([sys.executable, "-c", LIGHT], env=kept, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
