"""Sign in with a password or a one-time link; what too many failures answer."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from tradenexus.accounts import links, preferences
from tradenexus.tenancy.models import User


class SignIn(LoginView):
    """The sign-in page; failures are counted and held back by django-axes."""

    template_name = "accounts/login.html"
    redirect_authenticated_user = True
    next_page = "/"

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Sign in and bring the person's own look along."""
        response = super().form_valid(form)
        person = form.get_user()
        return preferences.paint(response, person) if isinstance(person, User) else response


@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Show a button; pressing it spends the link (a mail scanner that only looks does not)."""
    if request.method != "POST":
        return render(request, "accounts/link.html")
    user = links.spend(token)
    if user is None:
        return render(request, "accounts/link.html", {"spent": True}, status=410)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return preferences.paint(redirect("/"), user)


def locked(request: HttpRequest, *_: Any) -> HttpResponse:
    """Answer a sign-in after too many failures: how long to wait, and what works meanwhile."""
    wait_s = int(float(settings.AXES_COOLOFF_TIME) * 3_600)
    response = render(request, "accounts/locked.html", {"wait_s": wait_s}, status=429)
    response["Retry-After"] = str(wait_s)
    return response
