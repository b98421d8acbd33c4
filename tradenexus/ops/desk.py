"""Desk: a model in the operations desk. Rows are shown, never edited; deeds are offered to who may change the model.

Who may what follows Django's permissions: `view_<model>` lets look, `change_<model>` lets do the deeds.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from functools import partial, reduce
from operator import or_
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode

from tradenexus import ids
from tradenexus.ops import counting, deeds
from tradenexus.ops.deeds import Deed, Target
from tradenexus.tenancy import actors
from tradenexus.tenancy.models import Tenant

DONE = "ops_done"  # in the session: what came of the last deed, so that a reload does not do it again


class Desk(admin.ModelAdmin):
    """Shows rows, newest first; nothing can be added, changed or deleted by a form."""

    deeds: tuple[Deed, ...] = ()
    product = ""  # address of a row's page in the product; {ref} and {thing.…} are filled in
    # Columns that are found as a whole, through indexes that begin with the workspace (so all workspaces are named).
    exact: tuple[str, ...] = ()
    ordering = ("-pk",)  # ids are made in the order of time
    sortable_by = ()  # one order, through an index: sorting a long table by any column reads all of it
    show_facets = admin.ShowFacets.NEVER  # they count the whole table
    show_full_result_count = False
    paginator = counting.Paginator
    list_max_show_all = counting.CAP // 100
    list_per_page = 100

    @property
    def media(self) -> forms.Media:
        """Load what ticks rows of a list; the rest of Django's scripts serves forms that edit."""
        return forms.Media(js=["admin/js/actions.js"])

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never, by a form."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether this person may do deeds here."""
        user: Any = request.user
        return user.has_perm(f"{self.opts.app_label}.{get_permission_codename('change', self.opts)}")

    def tenant_of(self, thing: Any) -> UUID | None:
        """Return the workspace whose audit trail tells of the thing; None: the operator's own."""
        return getattr(thing, "tenant_id", None)

    def ref_of(self, thing: Any) -> str:
        """Return the typed id under which the audit knows the thing."""
        return getattr(thing, "ref", "")

    def name_of(self, thing: Any) -> str:
        """Return what people call the thing."""
        return str(thing)

    def target(self, thing: Any) -> Target:
        """Return the thing as deeds know it."""
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[thing.pk])
        return Target(thing, self.name_of(thing), self.ref_of(thing), url, self.tenant_of(thing))

    def one(self, request: HttpRequest) -> bool:
        """Tell whether a single row is being looked at: lists leave long columns out."""
        return request.resolver_match is not None and "object_id" in request.resolver_match.kwargs

    # --- deeds ---

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the deeds this person may do."""
        if IS_POPUP_VAR in request.GET or not self.has_operate_permission(request):
            return {}
        superuser = request.user.is_superuser
        offered = [deed for deed in self.deeds if superuser or not deed.superusers]
        return {deed.name: (partial(_ask, deed), deed.name, deed.label) for deed in offered}

    def get_urls(self) -> list[URLPattern]:
        """Add the page that tells what came of a deed."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_done"
        return [path("done/<uuid:key>/", self.admin_site.admin_view(self.done), name=name), *super().get_urls()]

    def done(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Show what came of the last deed of this session."""
        kept = request.session.get(DONE) or {}
        if kept.get("key") != key.hex or not self.has_view_permission(request):
            raise Http404("nothing is kept under this address any more; the audit trail has it")
        context = {
            **self.admin_site.each_context(request),
            "title": kept["label"],
            "opts": self.opts,
            "kept": kept,
            "refused": sum(not one["done"] for one in kept["outcomes"]),
        }
        return TemplateResponse(request, "admin/done.html", context)

    # --- looking ---

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Show every column, those too that a form would leave out."""
        columns = [field.name for field in (*self.opts.concrete_fields, *self.opts.many_to_many)]
        return [*columns, "ref", *self.readonly_fields]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Show what the desk names, or all but what it excludes; the typed id first, in the place of the bare one."""
        if self.fields:
            return list(self.fields)
        hidden = {self.opts.pk.name, *(self.exclude or ())}
        shown = [name for name in self.get_readonly_fields(request, obj) if name not in hidden | {"ref"}]
        return ["ref", *shown] if obj is not None and self.ref_of(obj) else shown

    @admin.display(description="id")
    def ref(self, thing: Any) -> str:
        """Return the typed id, for lists and pages."""
        return self.ref_of(thing)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find a typed id by the primary key; anything else in the exact columns, or else in the search fields."""
        term = search_term.strip()
        with contextlib.suppress(ValueError):
            return queryset.filter(pk=ids.decode(getattr(self.model, "prefix", ""), term)), False
        if not term or not self.exact:
            return super().get_search_results(request, queryset, term)
        found = reduce(or_, (Q(**{name: term}) for name in self.exact))
        return queryset.filter(found, tenant__in=Tenant.objects.values("id")), False

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Show the search box when there is anything to search."""
        return self.search_fields or self.exact

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """Add the deeds and the way into the product."""
        offered = self.get_actions(request)
        context |= {"product_url": self._product_url(request, obj), "subject": self.ref_of(obj)}
        context["offered"] = [(name, label) for name, (_, _, label) in offered.items()]
        return super().render_change_form(request, context, add, change, form_url, obj)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Lead to the audit entries about the object: they are its history."""
        thing = self.get_object(request, object_id)
        if thing is None or not self.has_view_permission(request, thing):
            raise Http404("no such object")
        return redirect(f"{reverse('admin:audit_entry_changelist')}?{urlencode({'q': self.ref_of(thing)})}")

    def _product_url(self, request: HttpRequest, thing: Any) -> str:
        """Return the product's page, which opens only to those working in the thing's workspace."""
        user: Any = request.user
        tenant_id = self.tenant_of(thing) if thing is not None and self.product else None
        own = actors.of_user(user, "", UUID(chosen) if (chosen := request.session.get("tenant_id")) else None)
        if tenant_id is None or own is None or own.tenant_id != tenant_id:
            return ""
        return self.product.format(thing=thing, ref=self.ref_of(thing))


def _ask(deed: Deed, desk: Desk, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
    """Ask for the reason; with a good one, do the deed to each object and show what came of it."""
    if not desk.has_operate_permission(request):
        raise PermissionDenied
    things = list(queryset[: deeds.MOST + 1])
    if len(things) > deeds.MOST:
        desk.message_user(request, f"At most {deeds.MOST} at a time; nothing was done.", messages.ERROR)
        return None
    form = deeds.form_of(deed, request.POST if "deed" in request.POST else None)
    if not form.is_valid():
        return _page(deed, desk, request, things, form)
    outcomes = deeds.carry_out(deed, request, map(desk.target, things), form.cleaned_data)
    key = uuid4()
    kept = {"key": key.hex, "label": deed.label, "reason": form.cleaned_data["reason"]}
    request.session[DONE] = kept | {"outcomes": [asdict(one) for one in outcomes]}
    return redirect(f"admin:{desk.opts.app_label}_{desk.opts.model_name}_done", key=key)


def _page(deed: Deed, desk: Desk, request: HttpRequest, things: list[Model], form: deeds.ReasonForm) -> HttpResponse:
    context = {
        **desk.admin_site.each_context(request),
        "title": deed.label,
        "opts": desk.opts,
        "deed": deed,
        "targets": [desk.target(one) for one in things],
        "form": form,
        "checkbox": ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "admin/deed.html", context, status=422 if form.is_bound else 200)
