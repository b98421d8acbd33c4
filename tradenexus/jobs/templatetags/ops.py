"""What the operations index shows above the tables: workers and their beats, the queue, disk, versions."""

from __future__ import annotations

import platform
import shutil
from datetime import datetime, timedelta
from typing import Any

import django
from django import template
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Min, Q
from django.utils.module_loading import import_string

from tradenexus import db
from tradenexus.jobs import draining
from tradenexus.jobs.models import Job, State, Worker

register = template.Library()
FORGOTTEN = timedelta(days=1)  # a worker that stopped without a word long ago is history


@register.inclusion_tag("admin/_ops.html")
def ops() -> dict[str, Any]:
    """The state of this installation, over all workspaces."""
    now = db.now()
    disk = shutil.disk_usage(settings.NEXUS_HOME)
    workers = _workers(now)
    return {
        "workers": workers,
        "working": sum(one["state"] == "alive" for one in workers),
        "queue": _queue(now),
        "disk": {"free": disk.free, "total": disk.total, "percent": 100 * disk.used // disk.total},
        "home": settings.NEXUS_HOME,
        "versions": _versions(),
        "pending": _pending(),
        "upkeep": import_string(settings.NEXUS_UPKEEP)(),
        "now": now,
    }


def _workers(now: datetime) -> list[dict[str, Any]]:
    counted = Worker.objects.annotate(in_work=Count("jobs", filter=Q(jobs__state=State.RUNNING)))
    return [
        {
            "worker": row,
            "state": draining.state(row, row.in_work, now),
            "age_s": max(0.0, (now - row.beat_at).total_seconds()),
            "running": row.in_work,
        }
        for row in counted.filter(beat_at__gt=now - FORGOTTEN).order_by("-beat_at")[:20]
    ]


def _queue(now: datetime) -> dict[str, Any]:
    kinds = Job.everyone.filter(state=State.QUEUED).values("kind").annotate(jobs=Count("id"), oldest=Min("run_at"))
    waiting = [
        {**kind, "age_s": max(0.0, (now - kind["oldest"]).total_seconds())} for kind in kinds.order_by("-jobs", "kind")
    ]
    running = Job.everyone.filter(state=State.RUNNING)
    return {
        "waiting": waiting,
        "queued": sum(kind["jobs"] for kind in waiting),
        "running": running.count(),
        "lapsed": running.filter(lease_until__lt=now).count(),
    }


def _versions() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version()" if db.is_sqlite() else "SHOW server_version")
        base = cursor.fetchone()[0]
    return [
        ("Trade Nexus", settings.NEXUS_VERSION),
        ("Database", f"{'SQLite' if db.is_sqlite() else 'PostgreSQL'} {base}"),
        ("Wake-ups", "Redis" if settings.REDIS_URL else "database"),
        ("Python", platform.python_version()),
        ("Django", django.get_version()),
        ("Mode", settings.NEXUS_ENV),
    ]


def _pending() -> list[str]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
