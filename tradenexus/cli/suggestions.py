"""Values that a shell completes: names of datasets, ids of jobs; asked for at most once a minute, for 300 ms.

A completion never fails and never prints: without a server it has nothing to suggest.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tradenexus.cli import config, credentials
from tradenexus.cli.failures import Failure

FRESH_S = 60.0
BUDGET_S = 0.3


def datasets(incomplete: str) -> list[tuple[str, str]]:
    """Return (name, what it is) of datasets that begin so."""
    return _suggest("datasets", incomplete, lambda item: (item["name"], f"{item['kind'] or 'data'}, {item['status']}"))


def jobs(incomplete: str) -> list[tuple[str, str]]:
    """Return (id, what it is) of jobs that begin so, newest first."""
    return _suggest("jobs", incomplete, lambda item: (item["id"], f"{item['kind']}, {item['state']}"))


def _suggest(noun: str, incomplete: str, show: Callable[[dict[str, Any]], tuple[str, str]]) -> list[tuple[str, str]]:
    try:
        found = _known(noun)
        return [pair for pair in map(show, found) if pair[0].startswith(incomplete)]
    except (Failure, OSError, ValueError, KeyError):
        return []


def _known(noun: str) -> list[dict[str, Any]]:
    settings = config.load({})
    token, _ = credentials.token(settings)
    place = f"{settings['url']} {settings.profile.text} {noun}"
    cache = config.state_dir() / "completion" / f"{hashlib.sha256(place.encode()).hexdigest()[:24]}.json"
    if cache.is_file() and time.time() - cache.stat().st_mtime < FRESH_S:
        return json.loads(cache.read_text("utf-8"))
    return _ask(settings["url"], token, noun, cache) if token else []


def _ask(url: str, token: str, noun: str, cache: Path) -> list[dict[str, Any]]:
    from tradenexus.cli.client import Client, Cut

    client = Client(url, token, agent="nexus-completion", say=lambda line: None)
    try:
        answer = client.attempt("GET", f"/v1/{noun}", params={"limit": 200}, timeout_s=BUDGET_S)
    except Cut:
        return json.loads(cache.read_text("utf-8")) if cache.is_file() else []
    finally:
        client.close()
    items = answer.body["items"] if answer.ok else []
    kept = [{key: item.get(key) for key in ("id", "name", "kind", "status", "state")} for item in items]
    config.write_private(cache, json.dumps(kept))
    return kept
