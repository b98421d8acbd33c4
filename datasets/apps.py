"""What data is."""

from django.apps import AppConfig
from django.conf import settings

from datasets.engine import identity


class DatasetsConfig(AppConfig):
    """Django's handle on the app."""

    name = "datasets"

    def ready(self) -> None:
        """Tell the engine which uids its children may have, and what they must not see."""
        identity.settle(settings.NEXUS_CHILD_UIDS, settings.NEXUS_HOME)
