"""A vendor of one instrument that splits ten for one; its first answers may be failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from backfill.vendors.base import Capability, Page, Request
from tests.kit import answering

NAME = "splitting"
NEEDS: tuple[str, ...] = ()
READS: tuple[str, ...] = ()
FAILURES: list[Exception] = []
_DAY_NS = 86_400_000_000_000
_SPLIT_DAY = 20_004


def connect(settings: Mapping[str, Any]) -> Splitting:
    """Return the vendor."""
    return Splitting()


class Splitting(answering.Answering):
    """Prices of a hundred, and of ten from the split on."""

    capabilities = (Capability("crypto_bars_1d", "1d"), Capability("corporate_actions"))

    def fetch(self, request: Request) -> Iterator[Page]:
        """Yield the split or the prices; failures come first, of the split only."""
        answering.CALLS.append(request)
        if request.table == "crypto_bars_1d":
            yield answering.page(_SPLIT_DAY - 1, [100.0, 10.0, 10.1])
            return
        if FAILURES:
            raise FAILURES.pop()
        at = _SPLIT_DAY * _DAY_NS
        yield Page({"ts_event": [at], "action": ["split"], "value": [10.0]}, at, at + 1, datetime.now(UTC))
