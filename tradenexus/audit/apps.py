"""The audit trail."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Django's handle on the app."""

    name = "tradenexus.audit"
    label = "audit"
