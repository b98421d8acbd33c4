"""The sandbox's page lists every knob with its default and every kind of fault."""

from __future__ import annotations

import re

from lona.sandbox.faults import KINDS
from lona.sandbox.knobs import Knobs
from tests.lona.sandbox.process import ROOT

PAGE = (ROOT / "docs" / "lona-sandbox.md").read_text()


def test_every_knob_is_documented_with_its_default():
    rows = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", PAGE, re.MULTILINE))
    documented = {name: rows[name] for name in vars(Knobs()) if name in rows}
    spelled = {name: str(value).lower() for name, value in vars(Knobs()).items()}
    spelled["registration_secret"] = "(none)"
    assert documented == {name: text.removesuffix(".0") for name, text in spelled.items()}


def test_every_fault_is_documented():
    section = PAGE.split("## Faults")[1]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == KINDS
