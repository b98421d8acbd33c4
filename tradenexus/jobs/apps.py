"""Jobs, and the discovery of every app's `tasks` module, which registers the kinds of jobs it can do."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class JobsConfig(AppConfig):
    """Django's handle on the app."""

    name = "tradenexus.jobs"
    label = "jobs"

    def ready(self) -> None:
        """Import `<app>.tasks` of every installed app, so that the registry knows all kinds; let pages name things."""
        from tradenexus.jobs import subjects
        from tradenexus.web import naming

        autodiscover_modules("tasks")
        naming.register(subjects.described)
