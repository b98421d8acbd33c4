"""The transforms there are, what each accepts, and the function a capped child runs for it.

Adding one is a file and a line here. Nothing heavy is imported: the web process checks a request with `check` before
it opens a derived version, so that a wrong frequency is refused at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from datasets.market import intervals, kinds, sessions
from tradenexus.errors import BadRequest, Unprocessable

PRICES = {kinds.TRADES: ("trade",), kinds.QUOTES: ("mid", "bid", "ask"), kinds.BARS: ("trade",)}
EMPTY_BARS = ("omit", "fill")


class PriceUnsupported(Unprocessable):
    """This version has no such price. Trades and bars have `trade`; quotes have `bid`, `ask` and `mid`."""

    code = "DATASET_TRANSFORM_PRICE_UNSUPPORTED"


@dataclass(frozen=True)
class Transform:
    """`check(kind, interval, params)` returns clean parameters or refuses; `entry` is the child's `module:function`."""

    name: str
    entry: str
    check: Callable[[str, str | None, dict[str, Any]], dict[str, Any]]


def check_candles(kind: str, interval: str | None, params: dict[str, Any]) -> dict[str, Any]:
    """Return {frequency, price, emptyBars, session} with defaults, for data of `kind` (bars: of `interval`).

    Refuses a frequency with FrequencyUnsupported, a price with PriceUnsupported, other values with BadRequest.
    """
    target = intervals.parse(params.get("frequency") or "")
    if kind == kinds.BARS:
        _check_coarser(interval, target)
    price = params.get("price") or PRICES[kind][0]
    if price not in PRICES[kind]:
        raise PriceUnsupported(f"{kind} have no price {str(price)[:20]!r}; choose {', '.join(PRICES[kind])}.")
    empty = params.get("emptyBars") or "omit"
    if empty not in EMPTY_BARS:
        raise BadRequest(f"emptyBars is omit or fill, not {str(empty)[:20]!r}.", {"emptyBars": list(EMPTY_BARS)})
    session = check_session(params.get("session"))
    return {"frequency": target.text, "price": price, "emptyBars": empty, "session": session}


def check_session(session: Any) -> str | None:
    """Return the session, None for none; BadRequest when there is no calendar and no time zone of this name."""
    if session in (None, ""):
        return None
    if isinstance(session, str) and sessions.exists(session):
        return session
    words = "use a calendar such as XNYS or XLON, 24/7, or a time zone such as Europe/Berlin"
    raise BadRequest(f"There is no session called {str(session)[:40]!r}.", {"fields": {"session": [words]}})


def _check_coarser(interval: str | None, target: intervals.Interval) -> None:
    if not interval:
        raise intervals.FrequencyUnsupported("These bars have no regular interval to make coarser bars of.")
    finer = intervals.parse(interval)
    if finer.text == target.text or not finer.divides(target):
        raise intervals.FrequencyUnsupported(
            f"{target.text} bars cannot be made of {finer.text} bars: choose a coarser one that {finer.text} divides.",
            {"frequency": target.text, "interval": finer.text},
        )


TRANSFORMS = {"candles": Transform("candles", "datasets.transforms.candles:build", check_candles)}
