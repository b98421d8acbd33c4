"""Counts in Redis, for servers on several machines. Its clock is the only one; every access is one round trip."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S = 0.5
_HOLD = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
    return 0
end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""


class SharedRedis:
    """Windows and seats, as `shared_file` has them; RedisError when Redis does not answer within half a second."""

    def __init__(self, url: str):
        # One more try at once: a connection kept from before a restart of Redis is dead, and that says nothing.
        again = Retry(NoBackoff(), 1)
        self._redis = Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=again)
        self._hold = self._redis.register_script(_HOLD)

    def take(self, subject: str, window_s: float) -> tuple[int, float]:
        """Count one request; return how many the window has had, this one included, and the seconds it still lasts."""
        name = f"nexus:limit:{subject}"
        with self._redis.pipeline(transaction=True) as calls:
            # SET NX begins a window together with its end: a count without one would last for ever.
            calls.set(name, 0, px=int(window_s * 1000), nx=True)
            calls.incr(name)
            calls.pttl(name)
            _, count, left_ms = calls.execute()
        return count, max(left_ms, 0) / 1000

    def hold(self, subject: str, holder: bytes, limit: int, lease_s: float) -> bool:
        """Take a seat, or keep the one the holder has; False when the subject's `limit` seats are taken."""
        return bool(self._hold(keys=[f"nexus:seats:{subject}"], args=[holder, limit, int(lease_s * 1000)]))

    def release(self, subject: str, holder: bytes) -> None:
        """Give the seat back."""
        self._redis.zrem(f"nexus:seats:{subject}", holder)
