"""The dashboard's frame."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Django's handle on the template tags."""

    name = "tradenexus.web"
    label = "web"
