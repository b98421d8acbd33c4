"""A problem in words: what happened, what is safe, what to do, and the request id to quote."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tradenexus.errors import ProblemError
from tradenexus.rest import errors

_TITLES = {
    400: "That request cannot be read",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    409: "Not possible now",
    410: "No longer there",
    413: "Too large",
    422: "Not possible as asked",
    429: "Too many requests",
    502: "A service we depend on failed",
    503: "Not available at the moment",
}


def page(request: HttpRequest, problem: ProblemError, nav: str = "", partial: bool = False) -> HttpResponse:
    """Return the error page, or its fragment, with the problem's status."""
    context = {
        "nav": nav,
        "title": _TITLES.get(problem.status, "Something went wrong on our side"),
        "problem": problem,
        "happened": _sentence(problem.message),
        "safe": _safe(request, problem),
        "advice": _advice(problem),
        "request_id": getattr(request, "request_id", ""),
        "retry_url": request.get_full_path() if request.method in {"GET", "HEAD"} else "",
    }
    return render(request, "web/_error.html" if partial else "web/error.html", context, status=problem.status)


def answer(request: HttpRequest, problem: ProblemError) -> HttpResponse:
    """Return a problem outside any view: the envelope below /v1, elsewhere the page (the fragment to htmx)."""
    if request.path.startswith("/v1/"):
        return errors.answer(problem, request)
    response = page(request, problem, partial=request.headers.get("HX-Request") == "true")
    for name, value in errors.headers_of(problem).items():
        response[name] = value
    return response


def _safe(request: HttpRequest, problem: ProblemError) -> str:
    if request.method in {"GET", "HEAD"}:
        return "Looking changes nothing: your data and running jobs are untouched."
    if problem.status < 500:
        return "Nothing was changed."
    return "Nothing already accepted is lost. Look whether the action took place before you repeat it."


def _advice(problem: ProblemError) -> str:
    """The error class says after its first sentence what to do."""
    words = " ".join((type(problem).__doc__ or "").split()).replace("`", "")
    return words.partition(". ")[2]


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"
