"""Final uploads (tus: concatenation): made of finished partial uploads, in the order given, by the job `dataset.join`.

The parts are named by the addresses that we gave out ourselves; what stands in them is only ever decoded to an id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from datasets.models.upload import UploadSession
from datasets.uploads import partials, sessions
from datasets.uploads.errors import BadHeader, PartUnfit
from datasets.uploads.headers import FINAL
from datasets.uploads.wanted import NewUpload
from tradenexus import db, ids
from tradenexus.actor import Actor
from tradenexus.jobs import queue

JOIN = "dataset.join"
PREFIX = "/v1/uploads/"
MOST = 1000


def named(text: str, hosts: frozenset[str]) -> list[UUID]:
    """Return the ids in `final;URL URL`, as often as they are named; BadHeader for what is no upload address of ours.

    An address is a path below /v1/uploads/, or the same with http(s) and one of `hosts`.
    """
    urls = text.removeprefix(FINAL).split()
    if not 1 <= len(urls) <= MOST:
        raise BadHeader(f"Upload-Concat: name 1 to {MOST} partial uploads.", {"header": "Upload-Concat"})
    return [_id_in(url, place, hosts) for place, url in enumerate(urls, 1)]


def _id_in(url: str, place: int, hosts: frozenset[str]) -> UUID:
    try:
        parts = urlsplit(url)
        absolute = parts.scheme in ("http", "https") and parts.netloc in hosts
        if (
            (absolute or not (parts.scheme or parts.netloc))
            and parts.path.startswith(PREFIX)
            and not (parts.query or parts.fragment)
        ):
            return ids.decode(UploadSession.prefix, parts.path.removeprefix(PREFIX).removesuffix("/"))
    except ValueError:
        pass
    raise BadHeader(
        f"Upload-Concat: what stands in place {place} is no address of an upload here.",
        {"header": "Upload-Concat", "place": place},
    )


def hosts(headers: Mapping[str, str]) -> frozenset[str]:
    """Return the names under which this request's client knows us."""
    known = {headers.get("host", ""), urlsplit(settings.NEXUS_PUBLIC_URL).netloc}
    if settings.USE_X_FORWARDED_HOST:
        known.add(headers.get("x-forwarded-host", ""))
    return frozenset(known - {""})


def start(actor: Actor, new: NewUpload, part_ids: Sequence[UUID]) -> UploadSession:
    """Open the final upload: its parts claimed, its room taken and its job queued in one transaction.

    NotFound, PartUnfit, UploadGone for a part; UploadTooLarge and the others as `sessions.start`. The same parts with
    the same metadata again are the same final upload.
    """
    try:
        parts = partials.find(actor.tenant_id, part_ids)
        for part in parts:
            partials.refuse_unfit(part)
        new.length = sum(part.total for part in parts)
        return _open(actor, new, parts)
    except PartUnfit:
        before = _before(new, partials.find(actor.tenant_id, part_ids))
        if before is None:
            raise
        return before


def _open(actor: Actor, new: NewUpload, parts: Sequence[UploadSession]) -> UploadSession:
    with db.atomic():
        session = sessions.start(actor, new, partial(partials.claim, parts))
        subject, params = session.target.ref, {"uploadId": session.ref}
        job = queue.submit(actor, JOIN, params, subject=subject, dedupe=session.ref, priority=5)
        UploadSession.of(actor.tenant_id).filter(id=session.id).update(job_ref=job.ref)
    session.job_ref = job.ref
    return session


def _before(new: NewUpload, parts: Sequence[UploadSession]) -> UploadSession | None:
    """A client that did not hear the answer asks again."""
    final = parts[0].final
    if final is None or any(part.final_id != final.id for part in parts):
        return None
    sessions.refuse_gone(final)
    same = (in_order(final.concat), final.metadata) == ([part.id for part in parts], new.header)
    return final if same else None


def in_order(text: str) -> list[UUID]:
    """Return the ids in an Upload-Concat that was accepted, in order."""
    paths = (urlsplit(url).path for url in text.removeprefix(FINAL).split())
    return [ids.decode(UploadSession.prefix, path.removeprefix(PREFIX).removesuffix("/")) for path in paths]
