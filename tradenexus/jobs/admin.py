"""Jobs in the operations view: read-only."""

from django.contrib import admin

from tradenexus.jobs.models import Attempt, Job, Schedule, Worker


class ReadOnly(admin.ModelAdmin):
    """Shows rows; nothing can be added, changed or deleted."""

    show_full_result_count = False

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(Job)
class JobAdmin(ReadOnly):
    """Jobs of all workspaces, newest first."""

    list_display = ("id", "tenant", "kind", "state", "subject", "attempts", "created_at", "started_at", "finished_at")
    list_filter = ("state", "kind")
    list_select_related = ("tenant",)
    ordering = ("-created_at", "-id")


@admin.register(Attempt)
class AttemptAdmin(ReadOnly):
    """Single runs of jobs."""

    list_display = ("job", "number", "outcome", "reason", "holder", "started_at", "ended_at")
    list_filter = ("outcome",)
    list_select_related = ("job",)


@admin.register(Worker)
class WorkerAdmin(ReadOnly):
    """Running workers."""

    list_display = ("id", "host", "pid", "concurrency", "started_at", "beat_at", "restarts")


@admin.register(Schedule)
class ScheduleAdmin(ReadOnly):
    """Periodic jobs and when each is due."""

    list_display = ("name", "next_at", "last_at")
