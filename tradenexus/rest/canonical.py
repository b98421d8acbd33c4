"""JSON in one form only, for digests. Imports nothing, so that workers need not load the API's libraries for it."""

from __future__ import annotations

import json
from typing import Any


def canonical_json(value: Any) -> str:
    """Return JSON with sorted keys and no spaces: the same value gives the same text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
