"""Health checks of the installation: apps register theirs in `<app>/checks.py`; GET /v1/doctor runs them all.

A check returns items {check, state: ok|warn|fail, found, fix}: what was looked at, what was found, what to do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Check = Callable[[], list[dict[str, Any]]]
CHECKS: list[Check] = []


def check(function: Check) -> Check:
    """Register a function that examines one part of the installation."""
    CHECKS.append(function)
    return function


def item(name: str, good: bool, found: str, fix: str = "", *, otherwise: str = "fail") -> dict[str, Any]:
    """Return one line: state ok when good, else `otherwise`, with what to do about it."""
    return {"check": name, "state": "ok" if good else otherwise, "found": found, "fix": "" if good else fix}


def examine() -> list[dict[str, Any]]:
    """Run every check."""
    return [line for function in CHECKS for line in function()]
