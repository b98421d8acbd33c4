"""The report on a file that could not be read at all: RED, with the reason as its one finding."""

from __future__ import annotations

from typing import Any


def report_of(code: str, message: str, details: dict[str, Any], profile: str) -> dict[str, Any]:
    """Return a QualityReport body (without ids) whose single check says why nothing could be read."""
    finding = {
        "id": "schema.file",
        "title": "The file can be read",
        "family": "schema",
        "grade": "RED",
        "unit": "count",
        "measured": 1,
        "limit": 0,
        "redLimit": 0,
        "figures": {code: 1},
        "count": 1,
        "samples": details.get("samples", [])[:20],
        "explanation": f"{message} Nothing of the file was taken over; the raw file is kept as it came.",
    }
    return {
        "status": "validation_failed",
        "grade": "RED",
        "score": 0.0,
        "scoreFormula": "0: nothing of the file could be read",
        "summary": f"{code}: {message}",
        "issues": [
            {
                "checkId": "schema.file",
                "severity": "error",
                "grade": "RED",
                "count": 1,
                "message": f"{code}: {message}",
                "code": code,
                "details": details,
            }
        ],
        "checks": [finding],
        "rows": {"read": 0, "accepted": 0, "rejected": 0, "duplicatesDropped": 0},
        "profile": profile,
        "thresholds": {},
        "durationMs": 0,
        "engine": {},
    }
