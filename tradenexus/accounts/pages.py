"""Sign in with a password or a one-time link, sign out."""

from __future__ import annotations

from django.contrib.auth import login
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from tradenexus.accounts import links


class SignIn(LoginView):
    """The sign-in page; failures are counted and held back by django-axes."""

    template_name = "accounts/login.html"
    redirect_authenticated_user = True
    next_page = "/"


@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Show a button; pressing it spends the link (a mail scanner that only looks does not)."""
    if request.method != "POST":
        return render(request, "accounts/link.html")
    user = links.spend(token)
    if user is None:
        return render(request, "accounts/link.html", {"spent": True}, status=410)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("/")
