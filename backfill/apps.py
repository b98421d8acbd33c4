"""How data arrives."""

from django.apps import AppConfig


class BackfillConfig(AppConfig):
    """Django's handle on the app."""

    name = "backfill"
