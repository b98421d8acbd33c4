"""Browsers of the people, and versions with rows and reports."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.test import Client

from datasets.models import LakeEntry, QualityReport
from tests.kit import factories, lake


@pytest.fixture
def browse():
    """Return a function: a browser that a person has signed in with."""

    def signed_in(person: Any) -> Client:
        client = Client()
        client.force_login(person.user)
        return client

    return signed_in


@pytest.fixture
def bars(owner, tmp_path):
    """A ready version of 250 one-minute bars."""
    return factories.sealed(owner, tmp_path, rows=250)


@pytest.fixture
def golden(owner, tmp_path):
    """An entry of forty days of which one is toxic and one never came; two revisions."""
    name = lake.registered(owner)
    closes = 100 + np.arange(40) / 8
    closes[30] = 90_000
    rows = lake.daily(closes)
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows.slice(0, 10), name, start_ns=lake.MONDAY * lake.DAY))
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows.slice(11), name, start_ns=(lake.MONDAY + 10) * lake.DAY))
    return LakeEntry.of(owner.tenant.id).get()


def check(name: str, grade: str, **more: Any) -> dict[str, Any]:
    """Return one check of a report as validation writes it."""
    plain = {
        "id": name, "family": name.split(".")[0], "title": name.replace(".", " "), "grade": grade, "unit": "count",
        "measured": 0 if grade == "GREEN" else 3, "limit": 0, "redLimit": 5, "count": 0 if grade == "GREEN" else 3,
        "samples": [], "figures": {}, "explanation": "What it means: a. Why it matters: b. Fix: c.",
    }  # fmt: skip
    return plain | more


@pytest.fixture
def reported(owner, bars):
    """The same version with a report: one warning with a sample, one check that passed."""
    sample = {"row": 7, "line": 9, "ts": "2023-11-14T22:20:00Z", "value": 101.5, "instrument": "BTC-USD"}
    checks = [check("moves.large", "AMBER", samples=[sample]), check("schema.rows", "GREEN")]
    body = {
        "summary": "AMBER: passed with warnings. 250 of 250 rows accepted; 1 warning.", "scoreFormula": "100 - 5",
        "issues": [
            {"checkId": "moves.large", "severity": "warning", "grade": "AMBER", "count": 3, "message": "Moves: 3"}
        ],
        "checks": checks, "rows": {"read": 250, "accepted": 250, "rejected": 0, "duplicatesDropped": 0},
        "profile": "standard", "thresholds": {"large_move_pct": 30}, "durationMs": 120, "engine": {},
    }  # fmt: skip
    QualityReport.everyone.create(
        tenant_id=owner.tenant.id, version=bars, grade="AMBER", score=95, profile="standard", body=body
    )
    return bars
