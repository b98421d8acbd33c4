"""Every check has limits in every profile, and overrides are checked."""

import math

import pytest

from datasets.quality import checks, thresholds


def test_every_check_has_limits_and_every_limit_a_check():
    ids = {spec.id for spec in checks.SPECS}
    named = {name.rsplit(".", 1)[0] for name in thresholds.resolve(None) if name.endswith((".amber", ".red"))}
    assert named == ids
    assert len(ids) == len(checks.SPECS)


@pytest.mark.parametrize("better", [("lenient", "standard"), ("standard", "strict")])
def test_profiles_grow_stricter(better):
    loose, tight = (thresholds.resolve(profile) for profile in better)
    for name in loose:
        if name.endswith((".amber", ".red")):
            assert (math.inf if tight[name] is None else tight[name]) <= (
                math.inf if loose[name] is None else loose[name]
            )


def test_overrides_are_taken_and_wrong_ones_refused():
    assert thresholds.resolve("strict", {"toxic_up_pct": 900, "moves.toxic.red": None})["moves.toxic.red"] is None
    for wrong in ({"x": 1}, {"toxic_up_pct": "9"}, {"toxic_up_pct": None}, {"toxic_up_pct": -1}, {"wick_pct": True}):
        with pytest.raises(thresholds.ThresholdUnknown):
            thresholds.resolve("standard", wrong)


def test_a_fraction_is_no_limit_of_a_count():
    units = {spec.id: spec.unit for spec in checks.SPECS}
    for profile in thresholds.PROFILES:
        for name, value in thresholds.resolve(profile).items():
            if units.get(name.rsplit(".", 1)[0]) == "count":
                assert value is None or value == int(value), name
