"""What a run would meet, before it is asked for."""

from __future__ import annotations

import pytest

from tests.lona.bars import times
from tests.lona.versions import place

pytestmark = pytest.mark.django_db(transaction=True)
DAYS = {"startDate": "2019-10-11", "endDate": "2019-10-11"}


def look(person, **asked):
    return person.api.post("/v1/backtests:preflight", {**DAYS, **asked}, format="json")


def found(person, **asked):
    answer = look(person, **asked)
    assert answer.status_code == 200, answer.content
    return answer.json()["preflight"]


def test_a_run_that_would_go_says_what_it_reads(owner, make_bars):
    version = make_bars(owner, times(100))
    said = found(owner, datasetIds=[version.dataset.ref])
    assert (said["ok"], said["rows"], said["coveragePct"], said["toPublish"]) == (True, 100, 100.0, 1)
    [row] = said["inputs"]
    assert (row["ref"], row["publish"], row["instrument"]) == (f"{version.dataset.ref}@1", "just_in_time", "XRPETH")


def test_days_without_bars_block_unless_they_may_be_left_out(owner, make_bars):
    version = make_bars(owner, times(100))
    asked = {"datasetIds": [version.dataset.ref], "startDate": "2019-10-10", "endDate": "2019-10-22"}
    strict, lenient = found(owner, **asked), found(owner, **asked, missingData="partial_fill")
    assert [problem["code"] for problem in strict["problems"]] == ["BACKTEST_DATA_MISSING"]
    assert lenient["ok"]
    assert lenient["missingDays"] == strict["missingDays"] > 0
    assert any("left out" in warning for warning in lenient["warnings"])


def test_no_bar_in_the_days_blocks(owner, make_bars):
    version = make_bars(owner, times(10))
    asked = {"datasetIds": [version.dataset.ref], "startDate": "2022-01-03", "endDate": "2022-01-04"}
    said = found(owner, **asked)
    assert [problem["code"] for problem in said["problems"]] == ["BACKTEST_RANGE_EMPTY"]


def test_a_version_that_cannot_run_blocks(owner, make_bars):
    version = make_bars(owner, times(10))
    place(version, "validation_failed")
    said = found(owner, datasetIds=[version.dataset.ref])
    assert [problem["code"] for problem in said["problems"]] == ["DATASET_NOT_VALIDATED"]


def test_an_amber_version_runs_with_a_warning(owner, make_bars):
    version = make_bars(owner, times(10))
    place(version, "ready", grade="AMBER")
    said = found(owner, datasetIds=[version.dataset.ref])
    assert said["ok"]
    assert "AMBER" in said["warnings"][0]


def test_a_policy_that_needs_vendors_blocks(owner, make_bars):
    version = make_bars(owner, times(10))
    said = found(owner, datasetIds=[version.dataset.ref], missingData="seamless")
    assert [problem["code"] for problem in said["problems"]] == ["BACKTEST_POLICY_UNAVAILABLE"]


def test_another_workspaces_dataset_is_no_dataset(stranger, owner, make_bars):
    version = make_bars(owner, times(10))
    said = found(stranger, datasetIds=[version.dataset.ref])
    assert [problem["code"] for problem in said["problems"]] == ["NOT_FOUND"]


def test_fields_are_checked_as_those_of_a_backtest(owner):
    assert look(owner, datasetIds=["ds_x"], startDate="2020-02-01").status_code == 400
    assert look(owner, datasetIds=["ds_x"], surprise=1).status_code == 400
