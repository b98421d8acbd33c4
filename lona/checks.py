"""Whether the backtest provider answers."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from lona import client
from tradenexus.errors import ProblemError
from tradenexus.search.doctor import check, item


@check
def provider() -> list[dict[str, Any]]:
    """Ask the provider for one symbol."""
    try:
        label = client.provider_label()
        client.connect("doctor").symbols_page(0, 1)
    except ProblemError as error:
        fix = f"check LONA_GATEWAY_URL ({settings.LONA_GATEWAY_URL}) and the agent's credentials"
        return [item("provider", False, f"{error.code}: {error.message}", fix, otherwise="warn")]
    return [item("provider", True, f"{label} answers")]
