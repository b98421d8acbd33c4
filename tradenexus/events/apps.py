"""Numbered events of each tenant, live and replayed."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """Django's handle on the app."""

    name = "tradenexus.events"
    label = "events"
