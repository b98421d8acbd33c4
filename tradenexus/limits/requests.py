"""Requests in a minute. The window is fixed and the subject's own: its first request opens it, 60 s later it is over.

Within a window exactly the limit passes, over all processes. At the border of two windows more can: the limit at the
end of one and again at the start of the next, so never more than twice the limit in any 60 s. A sliding window would
spare that at the price of a row for every request. Refused requests count too, and lengthen nothing.
"""

from __future__ import annotations

import math

from django.conf import settings

from tradenexus.errors import TooManyRequests
from tradenexus.limits import counting

WINDOW_S = 60
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def limit_of(method: str) -> tuple[str, int]:
    """Return what a request counts as (`reads` or `writes`) and how many of it a minute allows; 0 is no limit."""
    if method in SAFE:
        return "reads", settings.NEXUS_READS_PER_MIN
    return "writes", settings.NEXUS_WRITES_PER_MIN


def refusal(subject: str, method: str) -> TooManyRequests | None:
    """Count a request; return what to answer when it is one too many."""
    kind, limit = limit_of(method)
    if not limit:
        return None
    count, left_s = counting.take(f"{kind}:{subject}", WINDOW_S)
    if count <= limit:
        return None
    wait_s = max(1, math.ceil(left_s))
    details = {"counted": kind, "limit": limit, "windowSeconds": WINDOW_S, "retryAfterSeconds": wait_s}
    return TooManyRequests(f"more than {limit} {kind} in a minute; try again in {wait_s} s", details)
