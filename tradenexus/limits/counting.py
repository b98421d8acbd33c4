"""Where counts stand: in Redis when there is one, else in files below NEXUS_HOME/run that all processes here share.

While Redis does not answer, the machine counts in its files, so that an outage loses exactness between machines only;
it is asked again after a pause, because each vain try would hold a request up. When the files fail as well (a full or
read-only disk), requests go on uncounted: a limit protects the platform and must not be what stops it.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import structlog
from django.conf import settings

from tradenexus.limits.shared_file import Seats, Windows

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer")
PAUSE_S = 5.0
_asked_again_at: dict[str, float] = {}
_making = threading.Lock()


def take(subject: str, window_s: float) -> tuple[int, float]:
    """Count one request of a subject; return its number in the window and the seconds that the window still lasts."""
    return _counted(lambda redis: redis.take(subject, window_s), lambda: _files()[0].take(subject, window_s), (0, 0.0))


def hold(subject: str, holder: bytes, limit: int, lease_s: float) -> bool:
    """Take or keep one of a subject's seats for `lease_s`; False when all are taken."""
    return _counted(
        lambda redis: redis.hold(subject, holder, limit, lease_s),
        lambda: _files()[1].hold(subject, holder, limit, lease_s),
        True,
    )


def release(subject: str, holder: bytes) -> None:
    """Give a seat back."""
    _counted(lambda redis: redis.release(subject, holder), lambda: _files()[1].release(subject, holder), None)


def _counted(on_redis: Callable[[Any], Answer], on_file: Callable[[], Answer], uncounted: Answer) -> Answer:
    url = settings.REDIS_URL
    if url and time.monotonic() >= _asked_again_at.get(url, 0.0):
        from redis import RedisError

        try:
            return on_redis(_redis(url))
        except RedisError as error:
            _asked_again_at[url] = time.monotonic() + PAUSE_S
            log.warning("redis_unreachable", error=str(error), effect="limits are counted by machine")
    try:
        return on_file()
    except OSError as error:
        log.warning("limits_uncounted", error=str(error))
        return uncounted


def _files() -> tuple[Windows, Seats]:
    with _making:  # two threads that come first together must not each make their own
        return _files_in(Path(settings.NEXUS_HOME) / "run")


@functools.cache
def _files_in(folder: Path) -> tuple[Windows, Seats]:
    return Windows(folder / "requests.counts"), Seats(folder / "sockets.counts")


@functools.cache
def _redis(url: str) -> Any:
    from tradenexus.limits.shared_redis import SharedRedis  # an installation without Redis does not load its library

    return SharedRedis(url)
