"""The first page, health for machines, the OpenAPI file and its reader, and what unknown addresses answer."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularJSONAPIView

from tradenexus import db, errors
from tradenexus.errors import ProblemError
from tradenexus.jobs.models import Worker
from tradenexus.rest.errors import answer

_WORKER_SILENT = timedelta(seconds=30)
_LEAST_FREE_BYTES = 500_000_000


@login_required
def index(request: HttpRequest) -> HttpResponse:
    """Show where everything is."""
    return render(request, "home/index.html", {"version": settings.NEXUS_VERSION})


def healthz(request: HttpRequest) -> JsonResponse:
    """Say that the process is alive."""
    return JsonResponse({"status": "alive", "version": settings.NEXUS_VERSION})


def readyz(request: HttpRequest) -> JsonResponse:
    """Say whether work would be done: database, worker heartbeat, disk; 503 names what is missing."""
    checks = {"database": _database(), "worker": False, "disk": _disk()}
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
    return _error(request, errors.NotFound("There is nothing at this address."), "Not found")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a refused page."""
    return _error(request, errors.Forbidden("This page is not open to your account."), "Not allowed")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that cannot be read."""
    return _error(request, errors.BadRequest("The request cannot be read."), "Bad request")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an unexpected fault of ours."""
    return _error(request, ProblemError("Something went wrong on our side."), "Something went wrong")


def _error(request: HttpRequest, problem: ProblemError, title: str) -> HttpResponse:
    if request.path.startswith("/v1/"):
        return answer(problem, request)
    context = {"title": title, "message": problem.message, "request_id": getattr(request, "request_id", "")}
    return render(request, "home/error.html", context, status=problem.status)
