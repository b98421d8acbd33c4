"""The outbox of numbered events."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """Django's handle on the app; tells pages how to ask for the newest event."""

    name = "tradenexus.events"
    label = "events"

    def ready(self) -> None:
        """Let pages start listening where they were read."""
        from tradenexus.audit.models import Head
        from tradenexus.web import live

        live.register(
            lambda tenant_id: Head.objects.filter(tenant_id=tenant_id).values_list("event_seq", flat=True).first() or 0
        )
