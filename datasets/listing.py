"""Which datasets a list shows and in which order: one answer for the API and the pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from datasets import descriptions
from datasets.market import intervals
from datasets.market.kinds import TICKS
from datasets.models import Dataset, DatasetVersion, Status, UploadSession
from tradenexus import db, ids
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest
from tradenexus.tenancy.models import User

SORTS = {
    "created": ("created_at", "id"),
    "-created": ("-created_at", "-id"),
    "name": ("name", "id"),
    "-name": ("-name", "-id"),
}
KINDS = ["trades", "quotes", "bars"]
FILTERS = ("state", "kind", "symbol", "vendor", "assetClass", "resolution", "owner", "freshness", "q", "sort")
# When the newest version was begun: less than so many hours ago, or `older` than the longest of them.
FRESHNESS = {"24h": 24, "7d": 7 * 24, "30d": 30 * 24}
OLDER = "older"


def order_of(asked: Mapping[str, str]) -> tuple[str, ...]:
    """Return the order that `sort` means, newest first without it; BadRequest for an unknown one."""
    order = SORTS.get(asked.get("sort") or "-created")
    if order is None:
        raise BadRequest(f"sort must be one of {', '.join(SORTS)}", {"fields": {"sort": [asked["sort"][:32]]}})
    return order


def filtered(actor: Actor, asked: Mapping[str, str]) -> QuerySet[Dataset]:
    """Return the workspace's datasets that the filters ask for; archived ones only when asked for by state.

    `owner` is an e-mail address, a `usr_` id or `me`; BadRequest for a value that no filter knows.
    """
    states = [part for part in asked.get("state", "").split(",") if part]
    unknown = sorted(set(states) - set(Status.values))
    if unknown:
        raise BadRequest(f"state knows {', '.join(Status.values)}", {"fields": {"state": [unknown[0][:32]]}})
    rows = Dataset.of(actor.tenant_id).filter(version__gte=1)
    rows = rows.filter(status__in=states) if states else rows.exclude(status=Status.ARCHIVED)
    if asked.get("kind"):
        if asked["kind"] not in KINDS:
            raise BadRequest(f"kind must be one of {', '.join(KINDS)}", {"fields": {"kind": [asked["kind"][:32]]}})
        rows = rows.filter(kind=asked["kind"])
    if asked.get("symbol"):
        rows = rows.filter(symbols_text__contains=f"|{_text(asked['symbol'])}|")
    if asked.get("vendor"):
        rows = rows.filter(vendor=_text(asked["vendor"]))
    if asked.get("assetClass"):
        rows = rows.filter(asset_class=descriptions.checked("asset_class", asked["assetClass"]))
    if asked.get("resolution"):
        rows = rows.filter(resolution=_resolution(asked["resolution"]))
    if asked.get("owner"):
        rows = rows.filter(owner_id=_person(actor, _text(asked["owner"])))
    if asked.get("freshness"):
        rows = rows.filter(_fresh(actor.tenant_id, asked["freshness"]))
    if asked.get("q"):
        rows = rows.filter(_matching(_text(asked["q"])))
    return rows


def _person(actor: Actor, text: str) -> UUID:
    """Return the id meant; for an address nobody here has, one that owns nothing."""
    if text == "me":
        return actor.user_id or UUID(int=0)
    if "@" in text:
        found = User.objects.filter(email__iexact=text, memberships__tenant_id=actor.tenant_id)
        return found.values_list("id", flat=True).first() or UUID(int=0)
    try:
        return ids.decode("usr", text)
    except ValueError:
        message = "owner must be me, an e-mail address or the id of a person (usr_...)"
        raise BadRequest(message, {"fields": {"owner": [text[:64]]}}) from None


def _resolution(text: str) -> str:
    """Return the resolution meant: 60m is 1h."""
    if text == TICKS:
        return TICKS
    try:
        return str(intervals.parse(text))
    except intervals.FrequencyUnsupported:
        message = f"resolution must be {TICKS} or an interval such as {', '.join(intervals.LISTED)}"
        raise BadRequest(message, {"fields": {"resolution": [text[:32]]}}) from None


def _fresh(tenant_id: UUID, asked: str) -> Q:
    if asked not in FRESHNESS and asked != OLDER:
        known = ", ".join([*FRESHNESS, OLDER])
        raise BadRequest(f"freshness must be one of {known}", {"fields": {"freshness": [asked[:32]]}})
    since = db.now() - timedelta(hours=FRESHNESS.get(asked, max(FRESHNESS.values())))
    newest = DatasetVersion.of(tenant_id).filter(dataset=OuterRef("id"), number=OuterRef("version"))
    recent = Exists(newest.filter(created_at__gte=since))
    return ~Q(recent) if asked == OLDER else Q(recent)


def _text(value: str) -> str:
    if "\0" in value:
        raise BadRequest("a filter cannot hold a NUL character")
    return value


def _matching(text: str) -> Q:
    try:
        return Q(id=ids.decode(Dataset.prefix, text))
    except ValueError:
        return Q(name__icontains=text)


def said(tenant_id: UUID, field: str, most: int = 200) -> list[str]:
    """Return what any dataset of the workspace has as its vendor, asset_class or resolution, sorted, the first `most`.

    Read off the index of that field alone.
    """
    rows = Dataset.of(tenant_id).filter(**{f"{field}__gt": ""}).order_by(field).values_list(field, flat=True)
    return list(rows.distinct()[:most])


def counts(tenant_id: UUID) -> dict[str, int]:
    """Return how many datasets are in each state that any is in."""
    return dict(Dataset.of(tenant_id).filter(version__gte=1).order_by().values_list("status").annotate(Count("id")))


def newest_of(rows: list[Dataset]) -> QuerySet[DatasetVersion]:
    """Return the version that each dataset shows (its newest in use, else its newest), without its plan and parameters.

    The datasets are one tenant's already. Naming the tenant again would be no safer, and SQLite would read all of the
    tenant's versions to find these few.
    """
    newest = DatasetVersion.everyone.filter(dataset=OuterRef("id")).order_by("-number").values("id")
    shown = Coalesce(Subquery(newest.exclude(status=Status.ARCHIVED)[:1]), Subquery(newest[:1]))
    asked = Dataset.everyone.filter(id__in=[row.id for row in rows]).order_by().values(shown=shown)
    return DatasetVersion.everyone.filter(id__in=asked).defer("plan", "params").prefetch_related(_OPEN_UPLOADS)


# Only a version that is uploading shows its upload; all others have one too, of no interest here.
_OPEN_UPLOADS = Prefetch("upload", UploadSession.everyone.filter(version__status=Status.UPLOADING).only("version"))
