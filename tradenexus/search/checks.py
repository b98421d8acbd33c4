"""What the ground knows of its own health: database, wake-ups, disk, mode."""

from __future__ import annotations

import shutil
from typing import Any

from django.conf import settings
from django.db import connection

from tradenexus.search.doctor import check, item

_LOW_BYTES = 5_000_000_000


@check
def ground() -> list[dict[str, Any]]:
    """Look at the database, Redis, the disk and the mode."""
    free = shutil.disk_usage(settings.NEXUS_HOME).free
    fix = "free some space below NEXUS_HOME"
    return [
        item("version", True, settings.NEXUS_VERSION),
        item("mode", True, settings.NEXUS_ENV),
        item("database", True, connection.vendor),
        _redis(),
        item("disk", free > _LOW_BYTES, f"{free / 1e9:.1f} GB free", fix, otherwise="warn"),
    ]


def _redis() -> dict[str, Any]:
    if not settings.REDIS_URL:
        return item("redis", True, "not used: wake-ups go through the database")
    import redis

    try:
        with redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            client.ping()
    except redis.RedisError as error:
        words = f"{type(error).__name__}; wake-ups go through the database meanwhile"
        return item("redis", False, words, "check REDIS_URL and the Redis server", otherwise="warn")
    return item("redis", True, "answers")
