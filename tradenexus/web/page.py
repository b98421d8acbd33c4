"""The base of every page: a signed-in person in one workspace, full HTML and its htmx fragment on one URL.

A page gives its template and a context; what goes wrong is told in words: what happened, what is safe, what to do.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from django.contrib.auth.views import redirect_to_login
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View

from tradenexus.actor import Actor
from tradenexus.errors import Forbidden, MethodNotAllowed, ProblemError
from tradenexus.rest import auth, views
from tradenexus.rest.errors import headers_of, problem_of
from tradenexus.tenancy.models import TenantOwned
from tradenexus.web import live, problems

Row = TypeVar("Row", bound=TenantOwned)


class NoWorkspace(Forbidden):
    """Your account belongs to no workspace yet. An operator adds you: manage.py bootstrap --tenant T --user EMAIL."""

    code = "NO_WORKSPACE"


class Page(View):
    """One screen. `fragment` is the part htmx asks for; without one htmx gets the full page too."""

    template: ClassVar[str] = ""
    fragment: ClassVar[str | None] = None
    nav: ClassVar[str] = ""
    title: ClassVar[str] = ""
    scope: ClassVar[str] = "read"
    actor: Actor

    def context(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return what the template shows; keyword arguments come from the URL."""
        return {}

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Answer the full page, or its fragment to htmx; an address that only acts has neither."""
        if not self.template and not self.fragment:
            raise MethodNotAllowed("this address takes a form only", {"allow": ["POST"]})
        return self.render(self.context(**kwargs))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Find out who is asking, then answer; every problem becomes a page (or fragment) in words."""
        if not request.user.is_authenticated:
            return self._sign_in()
        try:
            self.actor = self._acting()
            self.require(self.scope)
            self.since = 0 if self.partial else live.head(self.actor.tenant_id)
            response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        except (ProblemError, OperationalError) as error:
            response = self._problem(problem_of(error))
        patch_vary_headers(response, ["HX-Request", "Cookie"])
        return response

    @property
    def query(self) -> QueryDict:
        """The query string's parameters."""
        return self.request.GET

    @property
    def partial(self) -> bool:
        """Whether htmx asks for a part of the page."""
        headers = self.request.headers
        return headers.get("HX-Request") == "true" and headers.get("HX-Boosted") != "true"

    def find(self, model: type[Row], ref: str) -> Row:
        """Return this workspace's row with the typed id; NotFound for unknown and for other workspaces' ids alike."""
        return views.find(self.actor, model, ref)

    def require(self, scope: str) -> None:
        """Raise ScopeMissing unless the person's role grants the scope."""
        if not self.actor.may(scope):
            message = f"your role in this workspace does not allow this; it needs the scope {scope!r}"
            raise auth.ScopeMissing(message, {"needed": scope, "held": sorted(self.actor.scopes)})

    def render(self, context: dict[str, Any], status: int = 200) -> HttpResponse:
        """Return the template (or the fragment, to htmx) with the context and the frame's own values."""
        name = self.fragment if self.partial and self.fragment else self.template
        own = {"page": self, "actor": self.actor, "nav": self.nav, "title": self.title, "since": self.since}
        return render(self.request, name, own | {"can": _Can(self.actor)} | context, status=status)

    def done(self, url: str) -> HttpResponse:
        """Lead on after an action: HX-Redirect to htmx, 303 to a plain form; only to addresses of ours."""
        if not url_has_allowed_host_and_scheme(url, {self.request.get_host()}):
            url = "/"
        if self.request.headers.get("HX-Request") == "true":
            return HttpResponse(status=204, headers={"HX-Redirect": url})
        response = HttpResponseRedirect(url)
        response.status_code = 303
        return response

    def invalid(self, fragment: str, context: dict[str, Any]) -> HttpResponse:
        """Return the form again with its errors, as 422; the whole page (`template`) to a plain form."""
        name = fragment if self.partial else self.template
        own = {"page": self, "actor": self.actor, "nav": self.nav, "title": self.title, "since": self.since}
        return render(self.request, name, own | {"can": _Can(self.actor)} | context, status=422)

    def _acting(self) -> Actor:
        actor = auth.authenticate_session(self.request, getattr(self.request, "request_id", ""))
        if actor is None:
            raise NoWorkspace("your account belongs to no workspace")
        return actor

    def _sign_in(self) -> HttpResponse:
        if self.request.headers.get("HX-Request") == "true":
            return HttpResponse(status=401, headers={"HX-Redirect": f"/login/?next={self.request.path}"})
        return redirect_to_login(self.request.get_full_path())

    def _problem(self, problem: ProblemError) -> HttpResponse:
        response = problems.page(self.request, problem, self.nav, self.partial)
        for name, value in headers_of(problem).items():
            response[name] = value
        return response


class _Can:
    """What the person may do, for templates: `{% if can.write %}`."""

    def __init__(self, actor: Actor):
        self.write, self.publish, self.admin = (actor.may(scope) for scope in ("write", "publish", "admin"))
