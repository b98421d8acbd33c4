"""The gate's borders are where they are said to be."""

import pytest

from datasets.quality import gate


@pytest.mark.parametrize(
    ("measured", "amber", "red", "expected"),
    [
        (0, 0, 0, "GREEN"),
        (1, 0, 0, "RED"),
        (1, 0, 1, "AMBER"),
        (0.01, 0, 0.01, "AMBER"),
        (0.0100001, 0, 0.01, "RED"),
        (5, None, None, "GREEN"),
        (5, 0, None, "AMBER"),
        (5, None, 4, "RED"),
    ],
)
def test_limits_are_passed_strictly(measured, amber, red, expected):
    assert gate.grade(measured, amber, red) == expected


def test_the_worst_grade_is_the_verdict():
    assert gate.verdict([]) == "GREEN"
    assert gate.verdict(["GREEN", "AMBER"]) == "AMBER"
    assert gate.verdict(["AMBER", "RED", "GREEN"]) == "RED"


@pytest.mark.parametrize(
    ("grades", "score"), [([], 100), (["AMBER"] * 2, 90), (["RED"], 49), (["RED"] * 2, 40), (["RED"] * 9, 0)]
)
def test_the_score_follows_its_formula(grades, score):
    assert gate.score(grades) == score
