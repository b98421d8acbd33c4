"""tus 1.0.0 as a plain ASGI application for everything but GET below /v1/uploads/: the bytes never enter Django.

Bytes go connection -> block -> writer thread -> file; the row's offset moves when they are durable. Answers are
the contract's, with its error envelope as body and the true offset in the header wherever that helps a client.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.conf import settings

from datasets.models.upload import UploadSession, UploadState
from datasets.uploads import (
    body,
    concat,
    deferred,
    headers,
    hold,
    identity,
    mending,
    reception,
    sessions,
    threads,
)
from datasets.uploads.durable import Writer
from datasets.uploads.errors import ChunkRefused, OffsetConflict, UploadCut, UploadFinal, UploadLocked, UploadTooLarge
from datasets.uploads.wanted import NewUpload
from tradenexus import ids
from tradenexus.actor import Actor
from tradenexus.errors import MethodNotAllowed, NotFound, ProblemError, Unavailable
from tradenexus.middleware import request_id_from
from tradenexus.rest.errors import headers_of, problem_of

log = structlog.get_logger(__name__)

PREFIX = "/v1/uploads"
DRAIN_BYTES = 8 << 20
DRAIN_S = 5.0
LINGER_S = 2.0
_WRITES = {"PATCH", "PUT"}
_OVERRIDES = {"PATCH", "HEAD", "DELETE"}
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class Call:
    """One request: what it asks for, and how much of its body is still unread."""

    method: str
    ref: str
    headers: dict[str, str]
    request_id: str
    receive: body.Receive
    scope: Mapping[str, Any]
    part: str = ""
    unread: bool = True
    silent: bool = False  # the client stopped sending: nothing more is waited for
    actor: Actor | None = None

    @property
    def who(self) -> Actor:
        """The authenticated caller."""
        assert self.actor is not None
        return self.actor

    def note_read(self) -> None:
        """Note that the body has come to its end."""
        self.unread = False


@dataclass(slots=True)
class Answer:
    """A status with its headers; a JSON body only for errors."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


async def application(scope: Mapping[str, Any], receive: body.Receive, send: Send) -> None:
    """Answer one HTTP request below /v1/uploads (with or without a closing slash)."""
    if scope["type"] != "http":
        raise ValueError("the upload protocol speaks HTTP only")
    call = _read(scope, receive)
    with structlog.contextvars.bound_contextvars(request_id=call.request_id):
        try:
            with hold.announced(call.ref) if call.method in _WRITES else nullcontext():
                answer = await _dispatch(call)
        except asyncio.CancelledError:
            await _send(call, _refusal(call, _stopping({})), send, keep=False)
            raise
        except Exception as error:  # noqa: BLE001 - the border: whatever happened becomes the contract's envelope
            answer = _refusal(call, _problem(error))
        await _send(call, answer, send, keep=await _drained(call))


def _read(scope: Mapping[str, Any], receive: body.Receive) -> Call:
    given = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    method = scope["method"]
    override = given.get("x-http-method-override", "").upper()
    if method == "POST" and override in _OVERRIDES:
        method = override
    ref, _, part = scope["path"].removeprefix(PREFIX).strip("/").partition("/parts/")
    return Call(method, ref, given, request_id_from(given.get("x-request-id")), receive, scope, part)


async def _dispatch(call: Call) -> Answer:
    if call.method == "OPTIONS":
        return _options()
    verbs = _ON_PART if call.part else _ON_ONE if call.ref else _ON_ALL
    if call.method not in verbs:
        raise MethodNotAllowed(f"{call.method} is not taken here.", {"allow": [*verbs, "OPTIONS"]})
    headers.require_version(call.headers)
    call.actor = await threads.ask(identity.of_call, call.scope, call.headers, call.request_id, call.method)
    return await verbs[call.method](call)


def _options() -> Answer:
    return Answer(
        204,
        {
            "Tus-Version": headers.VERSION,
            "Tus-Extension": headers.EXTENSIONS,
            "Tus-Max-Size": str(settings.NEXUS_MAX_UPLOAD_BYTES),
            "Tus-Checksum-Algorithm": headers.ALGORITHMS,
        },
    )


async def _create(call: Call) -> Answer:
    wanted = headers.concat(call.headers)
    if wanted.startswith(headers.FINAL):
        return await _create_final(call, wanted)
    length = headers.length(call.headers)
    size = headers.body_length(call.headers)
    checksum = headers.checksum(call.headers.get("upload-checksum"))
    if size or "transfer-encoding" in call.headers:
        headers.require_body_type(call.headers)
    given = call.headers.get("upload-metadata", "")
    pairs = headers.metadata(given)
    if length is not None and (size or 0) > length:
        raise UploadTooLarge("The body is longer than Upload-Length.", {"maxBytes": length})
    new = (NewUpload.part if wanted else NewUpload.from_metadata)(pairs, length, given)
    session = await threads.write(sessions.start, call.who, new)
    if size or "transfer-encoding" in call.headers:
        session = await _receive(call, session, 0, checksum)
    answer = _state(session, 201)
    answer.headers["Location"] = f"{PREFIX}/{session.ref}"
    return answer


async def _create_final(call: Call, wanted: str) -> Answer:
    headers.refuse_with_final(call.headers)
    parts = concat.named(wanted, concat.hosts(call.headers))
    given = call.headers.get("upload-metadata", "")
    new = NewUpload.from_metadata(headers.metadata(given), None, given)
    new.concat = wanted
    session = await threads.write(concat.start, call.who, new, parts)
    answer = _state(session, 201)
    answer.headers["Location"] = f"{PREFIX}/{session.ref}"
    return answer


async def _head(call: Call) -> Answer:
    session = await _find(call)
    if session.takes_bytes:
        async with hold.looked_at(session) as descriptor:
            session = await threads.write(sessions.settled, session, descriptor)
    answer = _state(session, 200)
    if session.length is None:
        answer.headers["Upload-Defer-Length"] = "1"
    else:
        answer.headers["Upload-Length"] = str(session.length)
    if session.concat:
        answer.headers["Upload-Concat"] = session.concat
    if session.metadata:
        answer.headers["Upload-Metadata"] = str(session.metadata)
    return answer


async def _patch(call: Call) -> Answer:
    headers.require_body_type(call.headers)
    offset = headers.number(call.headers, "Upload-Offset")
    size = headers.body_length(call.headers)
    checksum = headers.checksum(call.headers.get("upload-checksum"))
    length = headers.told_length(call.headers)
    session = await _find(call)
    if not session.takes_bytes:
        raise UploadFinal("This upload is complete; it takes no more bytes.", _place(session))
    if length is not None:
        deferred.refuse(session, length)
    limit = session.limit if length is None else length
    if offset + (size or 0) > limit:
        raise UploadTooLarge("The body goes past the upload's end.", {**_place(session), "maxBytes": limit})
    return _state(await _receive(call, session, offset, checksum, length), 204)


async def _receive(
    call: Call, session: UploadSession, offset: int, checksum: headers.Checksum | None, length: int | None = None
) -> UploadSession:
    """Write the call's body at the offset, under the upload's lock; return the row as it is then."""
    async with hold.taken(session) as descriptor:
        session = await threads.write(sessions.settled, session, descriptor)
        if not session.takes_bytes:
            raise UploadFinal("This upload is complete; it takes no more bytes.", _place(session))
        if offset != session.offset:
            raise OffsetConflict(f"The upload continues at {session.offset}, not {offset}.", _place(session))
        if length is not None:
            await threads.write(deferred.declare, session, descriptor, length)
        writer = await threads.write(Writer, session, descriptor, checksum)
        call.receive = reception.direct(call.receive, headers.body_length(call.headers))
        ending = await body.take(call.receive, writer, settings.NEXUS_UPLOAD_IDLE_S, call.note_read)
    if ending == "whole":
        return session
    call.silent = ending != "over"
    raise _unfinished(ending, session)


def _unfinished(ending: body.Ending, session: UploadSession) -> ProblemError:
    place = _place(session)
    if ending == "over":
        return UploadTooLarge("More bytes came than the upload may have.", {**place, "maxBytes": session.limit})
    if ending == "stopping":
        return _stopping(place)
    if ending == "asked":
        return UploadLocked("Another request took this upload over; what arrived is kept.", place)
    return UploadCut("The connection went silent; what arrived is kept.", place)


def _stopping(place: Mapping[str, int | None]) -> Unavailable:
    return Unavailable("The server is stopping; what arrived is kept.", {**place, "retryAfterSeconds": 2})


async def _delete(call: Call) -> Answer:
    session = await _find(call)
    await threads.write(sessions.terminate, call.who, session)
    return Answer(204)


async def _mend(call: Call) -> Answer:
    headers.require_body_type(call.headers)
    checksum = headers.checksum(call.headers.get("upload-checksum"))
    session = await _find(call)
    if not (call.part.isascii() and call.part.isdigit() and len(call.part) <= 9):
        raise NotFound("No such part.")
    leaf = await threads.ask(mending.wanted, session, int(call.part))
    size = headers.body_length(call.headers)
    mending.refuse_size(leaf, leaf.size_bytes if size is None else size)
    data = await body.gather(call.receive, leaf.size_bytes, settings.NEXUS_UPLOAD_IDLE_S, call.note_read)
    if checksum and not checksum.covers(data):
        raise ChunkRefused(f"The body does not have the promised {checksum.algorithm}; it was thrown away.")
    async with hold.taken(session) as descriptor:
        session = await threads.write(sessions.settled, session, descriptor)
        await threads.write(mending.mend, session, descriptor, leaf.number, data)
    return _state(session, 204)


_ON_ALL: dict[str, Callable[[Call], Awaitable[Answer]]] = {"POST": _create}
_ON_ONE: dict[str, Callable[[Call], Awaitable[Answer]]] = {"HEAD": _head, "PATCH": _patch, "DELETE": _delete}
_ON_PART: dict[str, Callable[[Call], Awaitable[Answer]]] = {"PUT": _mend}


async def _find(call: Call) -> UploadSession:
    try:
        upload_id = ids.decode(UploadSession.prefix, call.ref)
    except ValueError:
        raise NotFound("No upload with this id in your workspace.") from None
    return await threads.ask(sessions.living, call.who, upload_id)


def _state(session: UploadSession, status: int) -> Answer:
    answer = Answer(status, {"Upload-Expires": headers.http_date(session.expires_at)})
    if session.state != UploadState.JOINING:  # until a final upload has its bytes it has no offset
        answer.headers["Upload-Offset"] = str(session.offset)
    return answer


def _place(session: UploadSession) -> dict[str, int | None]:
    return {"offset": session.offset, "length": session.length}


def _problem(error: Exception) -> ProblemError:
    problem = problem_of(error)
    if problem.status >= 500:
        log.error("upload_error", code=problem.code, exc_info=error)
    return problem


def _refusal(call: Call, problem: ProblemError) -> Answer:
    extra = headers_of(problem)
    if "offset" in problem.details:
        extra["Upload-Offset"] = str(problem.details["offset"])
    if problem.status == 412:
        extra["Tus-Version"] = headers.VERSION
    extra["Content-Type"] = "application/json"
    return Answer(problem.status, extra, json.dumps(problem.envelope(call.request_id)).encode())


async def _drained(call: Call) -> bool:
    """Read a refused body to its end when that is cheap, so that the connection can go on; False to close it."""
    if not call.unread or (call.headers.get("content-length", "0") == "0" and "transfer-encoding" not in call.headers):
        return True
    length = call.headers.get("content-length", "")
    if call.silent or "expect" in call.headers or not length.isdigit() or int(length) > DRAIN_BYTES:
        return False
    return await _read_on(call, DRAIN_S)


async def _send(call: Call, answer: Answer, send: Send, keep: bool) -> None:
    given = {
        "Tus-Resumable": headers.VERSION,
        "X-Request-Id": call.request_id,
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
        **answer.headers,
    }
    if answer.status != 204:
        given["Content-Length"] = str(len(answer.body))
    if not keep:
        given["Connection"] = "close"
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
    if not keep and call.method != "HEAD":
        # Closing with unread bytes resets the connection and may take the answer with it: read on for a moment.
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        await _read_on(call, LINGER_S)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


async def _read_on(call: Call, wait_s: float) -> bool:
    """Read and drop the rest of the body; False when it did not end in time."""
    if not call.unread or call.silent:
        return True
    try:
        async with asyncio.timeout(wait_s):
            while (message := await call.receive())["type"] == "http.request" and message.get("more_body"):
                pass
    except TimeoutError:
        return False
    return True
