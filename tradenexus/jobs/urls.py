"""Routes of jobs."""

from typing import Any

urlpatterns: list[Any] = []
