"""The stepper of a job."""

from __future__ import annotations

from tradenexus.jobs.pages import steps

DONE = {"phase": "looking", "seconds": 2.0}
USUAL = ("looking", "running at", "reading")


def seen(state, progress):
    return [(step.name, step.state) for step in steps.of(state, progress, USUAL)]


def test_over_present_and_ahead():
    progress = {"phase": "running at Sandbox (local)", "steps": [DONE]}
    assert seen("running", progress) == [
        ("Looking", "succeeded"),
        ("Running at Sandbox (local)", "running"),
        ("Reading", "waiting"),
    ]


def test_the_phase_it_failed_in_is_marked():
    assert seen("failed", {"phase": "looking"})[0] == ("Looking", "failed")


def test_a_job_that_waits_shows_what_usually_comes():
    assert [state for _, state in seen("queued", {})] == ["waiting"] * 3


def test_a_job_that_succeeded_has_nothing_ahead():
    assert seen("succeeded", {"phase": "reading", "steps": [DONE]}) == [
        ("Looking", "succeeded"),
        ("Reading", "succeeded"),
    ]


def test_a_phase_nobody_told_of_beforehand_is_shown():
    assert seen("running", {"phase": "odd"}) == [("Odd", "running")]
