"""The longest modules exist, and all that looks at the one telling of the story is named."""

from __future__ import annotations

import re
from types import SimpleNamespace

from tests.house.tree import ROOT
from tests.kit import order


def test_what_is_named_is_there():
    assert [name for name in {*order.LONGEST, *order.TOLD_IN} - {order.TOLD} if not (ROOT / name).is_file()] == []


def test_all_that_looks_at_the_one_telling_stays_together():
    asks = re.compile(r"^(async )?def test_\w+\((.*\b)?told\b", re.MULTILINE)
    found = {path for path in (ROOT / "tests" / "acceptance").rglob("test_*.py") if asks.search(path.read_text())}
    assert {str(path.relative_to(ROOT)) for path in found} == order.TOLD_IN


def test_the_longest_come_first_and_the_others_as_they_were():
    names = ["tests/b.py::x", "tests/lona/test_reconcile.py::y", "tests/a.py::x", "tests/acceptance/test_proof.py::z"]
    items = [SimpleNamespace(nodeid=name) for name in names]
    order.sort(items)
    assert [item.nodeid for item in items] == [names[3], names[1], names[0], names[2]]
