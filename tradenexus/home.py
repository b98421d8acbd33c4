"""The first page, health for machines, the OpenAPI file and its reader, and what unknown addresses answer."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.module_loading import import_string
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularJSONAPIView

from tradenexus import db, errors
from tradenexus.errors import ProblemError
from tradenexus.jobs.models import Worker
from tradenexus.rest.auth import CsrfFailed
from tradenexus.rest.errors import answer
from tradenexus.search.registry import SUMMARIES
from tradenexus.web import problems
from tradenexus.web.copy import commands
from tradenexus.web.page import Page

_WORKER_SILENT = timedelta(seconds=30)
_LEAST_FREE_BYTES = 500_000_000
PARTS = ("datasets", "lakehouse", "uploads", "jobs", "backtests")


class Home(Page):
    """The first page: each app fills in its own part, asked for by address (the ground imports no app)."""

    template, nav, title = "home/index.html", "home", "Home"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the parts, in the order in which they are shown."""
        copy = commands("GET", "/v1/overview", cli="nexus status")
        return {"parts": PARTS, "twin": "/v1/overview", "copy": copy, "primary": self._primary()}

    def _primary(self) -> dict[str, str] | None:
        """A newcomer's main action stands in the first steps."""
        begun = bool(SUMMARIES["datasets"](self.actor.tenant_id)["total"]) if "datasets" in SUMMARIES else True
        return {"label": "Upload data", "url": "/uploads/new/"} if begun and self.actor.may("write") else None


def healthz(request: HttpRequest) -> JsonResponse:
    """Say that the process is alive."""
    return JsonResponse({"status": "alive", "version": settings.NEXUS_VERSION})


def readyz(request: HttpRequest) -> JsonResponse:
    """Say whether work would be done: database, worker heartbeat, disk, storage; 503 names what is missing."""
    checks = {"database": _database(), "worker": False, "disk": _disk()}
    checks |= {name: import_string(path)() for name, path in settings.NEXUS_READY.items()}
    if checks["database"]:
        checks["worker"] = Worker.objects.filter(beat_at__gt=db.now() - _WORKER_SILENT).exists()
    ready = all(checks.values())
    return JsonResponse({"status": "ready" if ready else "not ready", "checks": checks}, status=200 if ready else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _disk() -> bool:
    return shutil.disk_usage(settings.NEXUS_HOME).free > _LEAST_FREE_BYTES


class OpenApi(SpectacularJSONAPIView):
    """The contract: OpenAPI 3.1."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []


def docs(request: HttpRequest) -> HttpResponse:
    """Show the OpenAPI file in a reader served by the platform itself."""
    return render(request, "home/docs.html")


@csrf_exempt
def unknown_api(request: HttpRequest) -> JsonResponse:
    """Answer an unknown API address with the error envelope."""
    return answer(errors.NotFound(f"no such address: {request.path[:200]}"), request)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown page."""
    return problems.answer(request, errors.NotFound("There is nothing at this address."))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a refused page."""
    return problems.answer(request, errors.Forbidden("This page is not open to your account."))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that cannot be read."""
    return problems.answer(request, errors.BadRequest("The request cannot be read."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an unexpected fault of ours without asking the database, which may be what failed."""
    if request.path.startswith("/v1/"):
        return answer(ProblemError("Something went wrong on our side."), request)
    return render(request, "home/error.html", {"request_id": getattr(request, "request_id", "")}, status=500)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose token has expired or is missing."""
    return problems.answer(request, CsrfFailed("This form is out of date: you signed in or out since it was opened."))
