"""Audit entries in the operations view: read-only."""

from django.contrib import admin

from tradenexus.audit.models import Entry


@admin.register(Entry)
class EntryAdmin(admin.ModelAdmin):
    """The chain, newest first; nothing can be added, changed or deleted."""

    list_display = ("seq", "at", "tenant", "action", "subject", "old", "new", "via")
    list_select_related = ("tenant",)
    show_full_result_count = False

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
