"""The sandbox's application: Lona's paths under /api/v1, /healthz, the files of `file_url`, and /_sandbox.

Its state (store, knobs, faults, counts, runs) hangs on `app.state`; the lifespan starts and ends the carrying of runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route

from lona.sandbox import answers, controls, identity, reports, strategies, symbols
from lona.sandbox.edge import Edge
from lona.sandbox.faults import PREFIX, Faults
from lona.sandbox.knobs import Knobs
from lona.sandbox.runs import Runs
from lona.sandbox.store import Store

log = logging.getLogger("lona.sandbox")

LONA = [
    Route("/agents/request-invite", identity.request_invite, methods=["POST"]),
    Route("/agents/register", identity.register, methods=["POST"]),
    Route("/agent/strategy/create", strategies.create_by_agent, methods=["POST"]),
    Route("/strategies", strategies.create, methods=["POST"]),
    Route("/strategies", strategies.list_all, methods=["GET"]),
    Route("/strategies/{id}", strategies.get, methods=["GET"]),
    Route("/strategies/{id}/code", strategies.get_code, methods=["GET"]),
    Route("/symbols", symbols.upload, methods=["POST"]),
    Route("/symbols", symbols.list_all, methods=["GET"]),
    Route("/symbols/{id}", symbols.get, methods=["GET"]),
    Route("/symbols/{id}", symbols.delete, methods=["DELETE"]),
    Route("/symbols/{id}/data", symbols.get_data, methods=["GET"]),
    Route("/runner/run", reports.run, methods=["POST"]),
    Route("/reports/{id}", reports.get, methods=["GET"]),
    Route("/reports/{id}/status", reports.get_status, methods=["GET"]),
    Route("/reports/{id}/full", reports.get_full, methods=["GET"]),
]
OWN = [
    Route("/healthz", controls.health),
    Route("/_files/{key}", symbols.get_file),
    Route("/_sandbox/knobs", controls.get_knobs, methods=["GET"]),
    Route("/_sandbox/knobs", controls.put_knobs, methods=["PUT"]),
    Route("/_sandbox/faults", controls.post_fault, methods=["POST"]),
    Route("/_sandbox/faults", controls.delete_faults, methods=["DELETE"]),
    Route("/_sandbox/state", controls.get_state),
]


def build(store: Store, knobs: Knobs) -> Edge:
    """Return the ASGI application over an open store, which it closes when the lifespan ends."""
    app = Starlette(
        routes=[Mount(PREFIX, routes=LONA), *OWN],
        exception_handlers={
            answers.Refusal: answers.refused,
            HTTPException: answers.refused,
            Exception: answers.failed,
        },
        lifespan=_lifespan,
    )
    app.router.redirect_slashes = False
    app.state.store, app.state.knobs = store, knobs
    app.state.faults, app.state.counts = Faults(store.scratch), Counter()
    return Edge(app, app.state.faults, app.state.counts)


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    runs = app.state.runs = Runs(app.state.store, app.state.knobs)
    runs.recover()
    carrying = asyncio.create_task(runs.work())
    carrying.add_done_callback(_end_when_broken)
    yield
    carrying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await carrying
    app.state.store.close()


def _end_when_broken(carrying: asyncio.Task[None]) -> None:
    # Reports that nobody carries would wait for ever: end, and let whoever supervises start a process that recovers.
    if not carrying.cancelled() and (error := carrying.exception()) is not None:
        log.critical("carrying reports broke", exc_info=error)
        os.kill(os.getpid(), signal.SIGTERM)
