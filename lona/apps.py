"""Where data goes: publications at Lona, strategies and backtests."""

from django.apps import AppConfig


class LonaConfig(AppConfig):
    """Django's handle on the app."""

    name = "lona"
