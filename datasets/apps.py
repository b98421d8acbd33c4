"""What data is."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """Django's handle on the app."""

    name = "datasets"
