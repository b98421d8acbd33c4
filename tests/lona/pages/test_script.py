"""The result's way as a script: from the file to the run, every word quoted, no secret in it."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from lona.pages import script
from tests.lona.pages.conftest import backtest_of

pytestmark = pytest.mark.django_db(transaction=True)


def changed(version, **facts):
    for name, value in facts.items():
        setattr(version, name, value)
    version.save(update_fields=list(facts))
    return version


def test_the_steps_stand_in_the_order_in_which_they_are_done(version, strategy):
    changed(version, filename="own.csv")
    row = backtest_of(version, strategy)
    verbs = [shlex.split(line)[1:3] for line in script.of(row).splitlines()[1:]]
    ref = f"{version.dataset.name}@{version.number}"
    assert verbs == [["upload", "own.csv"], ["quality", "show"], ["publish", ref], ["backtest", "submit"]]
    assert script.of(row).startswith('printf %s "$NEXUS_TOKEN" |')
    assert "nx_" not in script.of(row)


def test_what_was_answered_about_the_file_is_said_again(version, strategy):
    said = {"timezone": "America/New_York", "columnMapping": {"ts_event": "when", "side": ""}, "then": {}}
    changed(version, filename="own.csv", params=said)
    upload = script.of(backtest_of(version, strategy)).splitlines()[1]
    assert "--map ts_event=when --tz America/New_York" in upload
    assert "side=" not in upload


def test_a_hostile_name_stays_one_word(version, strategy, tmp_path):
    changed(version, filename="$(touch pwned) `touch pwned`'; touch pwned; echo '.csv")
    lines = script.of(backtest_of(version, strategy)).splitlines()[1:]
    stub = "nexus() { printf '%s\\n' \"$2\"; }\n"
    run = subprocess.run(["bash", "-c", stub + lines[0]], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == version.filename
    assert not (tmp_path / "pwned").exists()


def test_the_result_page_offers_it(browser, version, strategy):
    changed(version, filename="own.csv")
    text = browser.get(f"/backtests/{backtest_of(version, strategy).ref}/").content.decode()
    assert "nexus upload own.csv" in text
