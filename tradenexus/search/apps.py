"""One search over everything: it asks the finders that the apps register."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class SearchConfig(AppConfig):
    """Django's handle on the app; imports each app's `finders` and `checks` modules."""

    name = "tradenexus.search"
    label = "search"

    def ready(self) -> None:
        """Let the apps register."""
        autodiscover_modules("finders", "checks")
