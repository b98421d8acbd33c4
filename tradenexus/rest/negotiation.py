"""Answer JSON whatever `Accept` says: refusing a body that is an error already helps nobody."""

from __future__ import annotations

from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request


class JsonNegotiation(DefaultContentNegotiation):
    """Always the first renderer."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """Return the first renderer."""
        return renderers[0], renderers[0].media_type
