"""Error codes are unique, explained where they are defined, and listed in docs/errors.md."""

import re
from collections import defaultdict

from tests.house import reference


def test_no_two_errors_share_a_code():
    owners = defaultdict(list)
    for error in reference.errors():
        owners[error.code].append(f"{error.__module__}.{error.__qualname__}")
    assert {code: classes for code, classes in owners.items() if len(classes) > 1} == {}


def test_codes_are_upper_snake():
    assert [error.code for error in reference.errors() if not re.fullmatch(r"[A-Z][A-Z0-9_]{2,63}", error.code)] == []


def test_every_error_says_what_happened_and_what_to_do():
    assert [error.__qualname__ for error in reference.errors() if len((error.__doc__ or "").split()) < 6] == []


def test_errors_page_is_complete_and_true():
    assert reference.ERRORS.read_text() == reference.errors_page(), reference.REBUILD
