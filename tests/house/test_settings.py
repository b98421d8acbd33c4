"""docs/settings.md names every environment variable the code reads, and none that it does not."""

import re

from tests.house import reference

DOCUMENTED = re.compile(r"^\| `([A-Z][A-Z0-9_]+)`", re.MULTILINE)


def documented() -> set[str]:
    return set(DOCUMENTED.findall(reference.SETTINGS.read_text()))


def test_every_setting_is_documented():
    assert reference.settings() - documented() == set()


def test_every_documented_setting_exists():
    assert documented() - reference.settings() == set()
