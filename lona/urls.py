"""Routes of the lona app."""

from typing import Any

urlpatterns: list[Any] = []
