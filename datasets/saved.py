"""Saved views of the list of datasets: a name for filters, private or shared with the workspace; and chosen columns.

A view holds the query string that the list's address has. Opening one is going to that address: the address alone says
what is shown. A shared view is changed by its owner and by admins; sharing one needs `write`, as all can see it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.db import IntegrityError
from django.db.models import Q, QuerySet

from datasets import listing
from datasets.models import ListColumns, SavedView
from tradenexus import db, ids
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest, Conflict, Forbidden, NotFound
from tradenexus.events import outbox
from tradenexus.rest.auth import ScopeMissing

MOST = 100
# name -> heading; the dataset's name is always shown
COLUMNS = {
    "state": "Version and state",
    "published": "Published",
    "symbols": "Symbols",
    "resolution": "Resolution",
    "vendor": "Vendor",
    "asset_class": "Asset class",
    "range": "Range",
    "coverage": "Coverage",
    "score": "Score",
    "freshness": "Received",
    "rows": "Rows",
    "size": "Size",
    "owner": "Owner",
}
DEFAULT = [name for name in COLUMNS if name not in ("published", "resolution", "vendor", "asset_class", "owner")]


class ViewNameTaken(Conflict):
    """You have a view of this name. Give another name, or delete the old view first."""

    code = "VIEW_NAME_TAKEN"


class ViewNotYours(Forbidden):
    """The view is somebody else's: its owner or an admin of the workspace can change it. Save one of your own."""

    code = "VIEW_NOT_YOURS"


def seen_by(actor: Actor) -> QuerySet[SavedView]:
    """Return the views a person sees, by name: their own and those shared with the workspace."""
    mine = Q(user_id=actor.person_id) | Q(shared=True)
    return SavedView.of(actor.tenant_id).filter(mine).select_related("user").order_by("name", "id")


def find(actor: Actor, ref: str) -> SavedView:
    """Return a view the person sees; NotFound for others' private ones as for unknown ids."""
    try:
        view = seen_by(actor).filter(id=ids.decode(SavedView.prefix, ref)).first()
    except ValueError:
        view = None
    if view is None:
        raise NotFound(f"no view with id {ref[:64]!r} in this workspace")
    return view


def query_of(actor: Actor, text: str) -> str:
    """Return filters as a view keeps them: known names, checked values, in the list's order; BadRequest otherwise."""
    given = parse_qsl(text.lstrip("?"), max_num_fields=20)
    asked = dict(given)
    unknown = sorted(set(asked) - set(listing.FILTERS) - {"cursor"})
    if unknown:
        known = ", ".join(listing.FILTERS)
        raise BadRequest(f"a view knows the filters {known}", {"fields": {"query": [unknown[0][:32]]}})
    listing.filtered(actor, asked)
    listing.order_of(asked)
    query = urlencode({name: asked[name] for name in listing.FILTERS if asked.get(name)})
    if len(query) > 1_000:
        raise BadRequest("the filters of a view have at most 1,000 characters", {"fields": {"query": ["too long"]}})
    return query


def filters_of(view: SavedView) -> dict[str, str]:
    """Return the filters of a view one by one."""
    return dict(parse_qsl(view.query))


def create(actor: Actor, name: str, query: str, shared: bool = False) -> SavedView:
    """Save filters under a name; inside `db.atomic()`. ViewNameTaken, ScopeMissing to share without `write`."""
    if SavedView.of(actor.tenant_id).filter(user_id=actor.person_id).count() >= MOST:
        raise Conflict(f"you have {MOST} views, the most there can be; delete one first", {"limit": MOST})
    _may_share(actor, shared)
    view = SavedView(tenant_id=actor.tenant_id, user_id=actor.person_id, name=_named(name), shared=shared)
    view.query = query_of(actor, query)
    _save(view, force_insert=True)
    if shared:
        _tell(actor, view, "view.shared", new="shared")
    return view


def change(
    actor: Actor, view: SavedView, *, name: str | None = None, query: str | None = None, shared: bool | None = None
) -> SavedView:
    """Rename a view, give it other filters, share it or take it back; inside `db.atomic()`. ViewNotYours."""
    _may_change(actor, view)
    before = view.shared
    if name is not None:
        view.name = _named(name)
    if query is not None:
        view.query = query_of(actor, query)
    if shared is not None and shared != before:
        _may_share(actor, shared)
        view.shared = shared
    _save(view, update_fields=["name", "query", "shared", "updated_at"])
    if before or view.shared:
        _tell(actor, view, "view.changed", old=_word(before), new=_word(view.shared))
    return view


def delete(actor: Actor, view: SavedView) -> None:
    """Delete a view; inside `db.atomic()`. ViewNotYours. The datasets are not touched."""
    _may_change(actor, view)
    ref, shared = view.ref, view.shared
    SavedView.of(actor.tenant_id).filter(id=view.id).delete()
    if shared:
        outbox.record(actor, "view.deleted", ref, old="shared", details={"name": view.name})


def may_change(actor: Actor, view: SavedView) -> bool:
    """Tell whether a person may rename or delete a view."""
    return view.user_id == actor.user_id or (view.shared and actor.may("admin"))


def columns_of(actor: Actor) -> list[str]:
    """Return the columns a person chose, in the list's order; the usual ones before they chose."""
    kept = ListColumns.objects.filter(user_id=actor.person_id).values_list("chosen", flat=True).first()
    return DEFAULT if kept is None else [name for name in COLUMNS if name in kept]


def choose_columns(actor: Actor, chosen: list[str]) -> list[str]:
    """Keep the columns a person wants, in every workspace; BadRequest for one that is none of the list's."""
    unknown = [name for name in chosen if name not in COLUMNS]
    if unknown:
        raise BadRequest(f"columns are {', '.join(COLUMNS)}", {"fields": {"columns": [unknown[0][:32]]}})
    kept = [name for name in COLUMNS if name in chosen]
    ListColumns.objects.update_or_create(user_id=actor.person_id, defaults={"chosen": kept})
    return kept


def forget_columns(actor: Actor) -> None:
    """Go back to the usual columns."""
    ListColumns.objects.filter(user_id=actor.person_id).delete()


def _named(name: str) -> str:
    kept = " ".join(name.replace("\0", " ").split())
    if not 1 <= len(kept) <= 80:
        raise BadRequest("a view's name has 1 to 80 characters", {"fields": {"name": ["1 to 80 characters"]}})
    return kept


def _may_share(actor: Actor, shared: bool) -> None:
    if shared and not actor.may("write"):
        message = "sharing a view needs the scope 'write'; a private one does not"
        raise ScopeMissing(message, {"needed": "write", "held": sorted(actor.scopes)})


def _may_change(actor: Actor, view: SavedView) -> None:
    if not may_change(actor, view):
        raise ViewNotYours(f"the view {view.name!r} is {view.user.email}'s", {"viewId": view.ref})


def _save(view: SavedView, **how: Any) -> None:
    try:
        with db.atomic():
            view.save(**how)
    except IntegrityError:
        raise ViewNameTaken(f"you have a view {view.name!r} already", {"fields": {"name": [view.name]}}) from None


def _word(shared: bool) -> str:
    return "shared" if shared else "private"


def _tell(actor: Actor, view: SavedView, action: str, old: str = "", new: str = "") -> None:
    outbox.record(actor, action, view.ref, old=old, new=new, details={"name": view.name, "query": view.query})
