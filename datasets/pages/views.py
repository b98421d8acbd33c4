"""Saved views and chosen columns as forms: they work without JavaScript and lead back to where one was."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from datasets import saved
from tradenexus import db
from tradenexus.errors import BadRequest, ProblemError
from tradenexus.web import copy
from tradenexus.web.page import Page

REFUSED = (BadRequest, saved.ViewNameTaken)


class Views(Page):
    """All views a person sees: open, rename, share, delete; and the form that saves one."""

    template = "datasets/views.html"
    nav = "datasets"
    title = "Saved views"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the views, each with whether the person may change it."""
        views = [(view, saved.may_change(self.actor, view), _words(view)) for view in saved.seen_by(self.actor)]
        return {
            "views": views,
            "crumbs": [("Datasets", "/datasets/"), (self.title, "")],
            "asked": {"name": "", "query": self.query.get("query", "")},
            "copy": copy.commands("GET", "/v1/views", cli="nexus view list"),
            "twin": "/v1/views",
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        """Save the filters of the list under a name and lead back to them."""
        said = {name: request.POST.get(name, "") for name in ("name", "query")}
        try:
            with db.atomic():
                view = saved.create(self.actor, said["name"], said["query"], bool(request.POST.get("shared")))
        except REFUSED as problem:
            return self.refused(problem, asked=said)
        return self.done(f"/datasets/?{view.query}")

    def refused(self, problem: ProblemError, **more: Any) -> HttpResponse:
        """Return the page again with what is wrong."""
        return self.invalid(self.template, self.context() | {"problem": problem.message} | more)


class View(Views):
    """Rename, share, take back or delete one view."""

    template = "datasets/views.html"

    def get(self, request: HttpRequest, ref: str = "", **kwargs: Any) -> HttpResponse:
        """Lead to the filters of the view."""
        return self.done(f"/datasets/?{saved.find(self.actor, ref).query}")

    def post(self, request: HttpRequest, ref: str = "") -> HttpResponse:
        """Do what the pressed button says."""
        view = saved.find(self.actor, ref)
        action = request.POST.get("action", "")
        try:
            with db.atomic():
                if action == "delete":
                    saved.delete(self.actor, view)
                elif action in ("share", "keep"):
                    saved.change(self.actor, view, shared=action == "share")
                else:
                    saved.change(self.actor, view, name=request.POST.get("name", ""))
        except REFUSED as problem:
            return self.refused(problem)
        return self.done("/datasets/views/")


class Columns(Page):
    """Keep the columns that a person ticked, or go back to the usual ones."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Save and lead back to the list as it was."""
        if request.POST.get("usual"):
            saved.forget_columns(self.actor)
        else:
            saved.choose_columns(self.actor, request.POST.getlist("column"))
        return self.done(f"/datasets/?{request.POST.get('query', '')}")


def _words(view: Any) -> str:
    filters = saved.filters_of(view)
    return ", ".join(f"{name} {value}" for name, value in filters.items()) or "all datasets in use"
