"""Knobs: defaults, environment, changes, secrets."""

from __future__ import annotations

import pytest

from lona.sandbox.knobs import KnobRefused, Knobs, from_environment


def test_the_environment_sets_knobs_by_type():
    knobs = from_environment(
        {"NEXUS_SANDBOX_PAGE_LIMIT_MAX": "50", "NEXUS_SANDBOX_FILE_URL": "true", "NEXUS_SANDBOX_PENDING_SECONDS": "2"}
    )
    assert (knobs.page_limit_max, knobs.file_url, knobs.pending_seconds) == (50, True, 2.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"page_limit_max": "many"},
        {"page_limit_max": True},
        {"page_limit_max": -1},
        {"pending_seconds": float("nan")},
        {"file_url": 1},
        {"symbol_name_clash": 418},
        {"no_such_knob": 1},
    ],
)
def test_a_value_that_does_not_fit_is_refused(changes):
    with pytest.raises(KnobRefused):
        Knobs().update(changes)


def test_a_refused_change_changes_nothing():
    knobs = Knobs()
    with pytest.raises(KnobRefused):
        knobs.update({"symbol_min_rows": 3, "file_url": "maybe"})
    assert knobs == Knobs()


def test_a_bad_environment_is_refused_by_name():
    with pytest.raises(KnobRefused, match="symbol_min_rows"):
        from_environment({"NEXUS_SANDBOX_SYMBOL_MIN_ROWS": "ten"})
    with pytest.raises(KnobRefused, match="envelope"):
        from_environment({"NEXUS_SANDBOX_ENVELOPE": "perhaps"})


def test_secrets_are_not_shown():
    assert Knobs(registration_secret="hush").shown()["registration_secret"] == "set"
    assert Knobs().shown()["registration_secret"] == ""
