"""The report on a file that could not be read at all: RED, with the reason as its one finding."""

from __future__ import annotations

from typing import Any


def report_of(code: str, message: str, details: dict[str, Any], profile: str) -> dict[str, Any]:
    """Return a QualityReport body (without ids) whose single check says why nothing could be read."""
    finding = {
        "id": "file-readable",
        "family": "file",
        "grade": "RED",
        "measured": code,
        "limit": "readable",
        "count": 1,
        "samples": details.get("samples", [])[:20],
        "explanation": f"{message} Nothing of the file was taken over; the raw file is kept as it came.",
    }
    return {
        "grade": "RED",
        "score": 0.0,
        "summary": f"{code}: {message}",
        "issues": [{"code": code, "message": message, "details": details}],
        "checks": [finding],
        "rows": {"read": 0, "accepted": 0, "rejected": 0},
        "profile": profile,
        "thresholds": {},
        "durationMs": 0,
        "engine": {},
    }
