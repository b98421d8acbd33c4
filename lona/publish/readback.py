"""Read back what the provider stored and compare it as numbers, before anyone says published."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from django.conf import settings

from datasets.engine import children, handover
from lona import errors
from lona.client import Client
from lona.models import Publication, PublicationState
from tradenexus.jobs.registry import RetryLater
from tradenexus.jobs.runner import Run

READY_S = (0.0, 0.3, 1.0, 2.0, 4.0)  # pauses while the provider still takes the file in
LATER_S = 10.0


def verify(run: Run, client: Client, publication: Publication, symbol: dict[str, Any]) -> None:
    """Compare rows, first, last and content hash; LonaReadBackDiffers with both sides when one is not equal.

    A copy of ours that is wrong and that no other publication uses is deleted, so that the name is free again.
    """
    sent = {
        "rows": publication.rows,
        "firstNs": publication.first_ns,
        "lastNs": publication.last_ns,
        "contentHash": publication.content_hash,
    }
    stored = _stored(run, client, publication, str(symbol["id"]))
    if stored == sent:
        return
    _remove_wrong(client, str(symbol["id"]))
    raise errors.LonaReadBackDiffers("what the provider stored is not what was sent", {"sent": sent, "stored": stored})


def _stored(run: Run, client: Client, publication: Publication, symbol_id: str) -> dict[str, Any]:
    for pause in READY_S:
        time.sleep(pause)
        run.check()
        try:
            symbol = client.symbol(symbol_id)
        except errors.LonaNotFound as gone:
            raise RetryLater("the symbol was deleted at the provider meanwhile") from gone
        if symbol.get("data_range"):
            return digest(run, client, publication, symbol)
    raise RetryLater("the provider has not taken the file in yet", LATER_S)


def digest(run: Run, client: Client, publication: Publication, symbol: dict[str, Any]) -> dict[str, Any]:
    """Fetch a symbol's data to a file and digest it in the capped child."""
    path = run.work_dir() / f"{publication.id.hex}.back"
    run.progress("reading back", 0, publication.rows, "rows")
    try:
        client.fetch_symbol_data(symbol, path)
        return children.run(
            "lona.adapter.answers:digest_answer",
            {"path": handover.reads(path), "has_volume": publication.has_volume, "rows": publication.rows},
            limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES),
            on_message=lambda m: run.progress(m["phase"], m["done"], m["total"], m["unit"]),
            cancelled=run.cancelled,
        )
    finally:
        path.unlink(missing_ok=True)


def _remove_wrong(client: Client, symbol_id: str) -> None:
    used = Publication.everyone.filter(lona_symbol_id=symbol_id, state=PublicationState.PUBLISHED).exists()
    if not used:
        with contextlib.suppress(errors.LonaError):
            client.delete_symbol(symbol_id)
