"""What every API view shares."""

from django.apps import AppConfig


class RestConfig(AppConfig):
    """Django's handle on the app."""

    name = "tradenexus.rest"
    label = "rest"
