"""One class an outcome, each with its own code, and the same after a journey between processes."""

import pytest

from backfill.vendors import errors


@pytest.mark.parametrize(
    "error",
    [
        errors.NoData("closed on that day", benign=True, day="2024-01-01"),
        errors.NotEntitled("not in this contract"),
        errors.RateLimited("slower", 12.5),
        errors.RateLimited("slower"),
        errors.Transient("no answer"),
        errors.Malformed("not JSON", {"at": 3}),
        errors.AccessDenied("who are you"),
    ],
    ids=lambda error: error.code,
)
def test_an_error_is_the_same_when_told_by_its_parts(error):
    again = errors.again(error.code, error.message, error.details)
    assert type(again) is type(error)
    assert (again.message, again.details, again.status) == (error.message, error.details, error.status)
    for name in ("benign", "retry_after_s"):
        assert getattr(again, name, None) == getattr(error, name, None)


def test_every_outcome_has_a_code_of_its_own():
    assert {kind.__name__ for kind in errors.VendorError.__subclasses__()} == {
        kind.__name__ for kind in errors.BY_CODE.values()
    }
    assert len(errors.BY_CODE) == 6


def test_a_code_that_is_no_vendors_is_not_made_into_one():
    with pytest.raises(KeyError):
        errors.again("MEMORY_LIMIT", "x", {})
