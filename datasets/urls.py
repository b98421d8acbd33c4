"""Routes of the datasets app."""

from typing import Any

urlpatterns: list[Any] = []
