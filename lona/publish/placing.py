"""The slice as a file, its name, and getting it to the provider at most once."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from datasets.engine import children, handover
from datasets.models import VersionFile
from datasets.storage import blobs
from lona import errors
from lona.adapter import names
from lona.client import Client
from lona.models import Publication, PublicationState
from lona.publish import status
from tradenexus import db
from tradenexus.jobs.registry import RetryLater
from tradenexus.jobs.runner import Run

LOOKS_S = (0.0, 0.5, 1.0, 2.0)  # pauses between looks for our name right after a lost answer
LOOK_AGAIN_S = 15.0


def prepare(run: Run, publication: Publication) -> None:
    """Know what the slice holds and how it is called."""
    if not publication.content_hash:
        _write(run, publication)


def place(run: Run, client: Client, publication: Publication) -> tuple[dict[str, Any], bool]:
    """Return the provider's symbol of our name, and whether it was found there rather than just sent."""
    run.progress("looking for the symbol", None, None, "")
    found = client.symbols_named(publication.symbol_name)
    if found:
        return _adopt(run, publication, found[0])
    if publication.sent_at is not None:
        _wait_for_late_answer(run, publication)
    return _send(run, client, publication)


def _path(run: Run, publication: Publication) -> Path:
    return run.work_dir() / f"{publication.id.hex}.csv"


def _write(run: Run, publication: Publication) -> None:
    """Write the slice's CSV in the capped child and note what it holds; PublishRangeEmpty for no bars."""
    files = VersionFile.objects.filter(
        version=publication.version_id, instrument=publication.instrument, venue=publication.venue
    )
    with ExitStack() as stack:
        inputs = [
            handover.reads(stack.enter_context(blobs.local(file.key))) for file in files.order_by("t0_ns", "number")
        ]
        said = children.run(
            "lona.adapter.slices:write_csv",
            {
                "inputs": inputs,
                "start_ns": publication.start_ns,
                "end_ns": publication.end_ns,
                "out_path": handover.writes(run.work_dir(), _path(run, publication).name),
            },
            limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES),
            on_message=lambda m: run.progress(m["phase"], m["done"], m["total"], m["unit"]),
            cancelled=run.cancelled,
        )
    if not said["rows"]:
        raise errors.PublishRangeEmpty("the slice has no bars, so nothing was sent")
    _note(run, publication, said)


def _note(run: Run, publication: Publication, said: dict[str, Any]) -> None:
    values = {
        "rows": said["rows"],
        "first_ns": said["firstNs"],
        "last_ns": said["lastNs"],
        "has_volume": said["hasVolume"],
        "csv_sha256": said["sha256"],
        "size_bytes": said["sizeBytes"],
        "content_hash": said["contentHash"],
        "symbol_name": names.symbol_name(
            publication.tenant_id,
            publication.venue,
            publication.instrument,
            publication.frequency,
            said["firstNs"],
            said["lastNs"],
            said["contentHash"],
        ),
    }
    if publication.content_hash not in ("", values["content_hash"]):
        raise errors.LonaReadBackDiffers("the stored bars are not those of the first attempt", {"rows": said["rows"]})
    _save(run, publication, **values)


def _send(run: Run, client: Client, publication: Publication) -> tuple[dict[str, Any], bool]:
    path = _path(run, publication)
    if not path.exists():  # an earlier attempt wrote it, and its folder is gone
        _write(run, publication)
    form = names.metadata(
        publication.symbol_name,
        publication.instrument,
        publication.venue,
        publication.frequency,
        publication.has_volume,
        f"{publication.version.dataset.ref}@{publication.version.number} sha256:{publication.csv_sha256}",
    )
    _save(run, publication, sent_at=db.now(), reused=False)
    run.progress("sending", None, None, "")
    try:
        return {"id": client.create_symbol(path, form), "name": publication.symbol_name}, False
    except errors.LonaAnswerLost as lost:
        _unknown(run, publication, lost)
        return _found_or_later(run, client, publication)
    except errors.LonaConflict:
        found = client.symbols_named(publication.symbol_name)
        if not found:
            _save(run, publication, sent_at=None)
            raise
        return _adopt(run, publication, found[0])
    except errors.LonaError:
        _save(run, publication, sent_at=None)  # it was not taken: the next attempt may send at once
        raise
    finally:
        path.unlink(missing_ok=True)


def _unknown(run: Run, publication: Publication, lost: errors.LonaAnswerLost) -> None:
    old = publication.state
    with run.effect():
        Publication.everyone.filter(id=publication.id).update(
            state=PublicationState.UNKNOWN, error={"code": lost.code, "message": lost.message, "details": lost.details}
        )
        publication.refresh_from_db()
        status.announce(publication, run.actor, old, lost.message, code=lost.code)
    run.log("the answer to the upload was lost; looking for the symbol by its name", "warning")


def _found_or_later(run: Run, client: Client, publication: Publication) -> tuple[dict[str, Any], bool]:
    for pause in LOOKS_S:
        time.sleep(pause)
        run.check()
        found = client.symbols_named(publication.symbol_name)
        if found:
            return _adopt(run, publication, found[0])
    _wait_for_late_answer(run, publication)
    raise RetryLater("the answer to the upload was lost and the symbol is not there", LOOK_AGAIN_S)


def _wait_for_late_answer(run: Run, publication: Publication) -> None:
    """Give the worker back while what was sent may still be carried out there."""
    assert publication.sent_at is not None
    left = (publication.sent_at + timedelta(seconds=settings.LONA_SETTLE_S) - db.now()).total_seconds()
    if left > 0:
        raise RetryLater("the answer to the upload was lost; looking again", min(left, LOOK_AGAIN_S))


def _adopt(run: Run, publication: Publication, symbol: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    _save(run, publication, reused=publication.sent_at is None)
    run.log(f"the provider has {publication.symbol_name} already")
    return symbol, True


def _save(run: Run, publication: Publication, **values: Any) -> None:
    with run.effect():
        Publication.everyone.filter(id=publication.id).update(**values)
    for name, value in values.items():
        setattr(publication, name, value)
