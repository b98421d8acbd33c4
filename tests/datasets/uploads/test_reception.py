"""Large bodies past the server's parser: no byte lost or added, and the connection is as good as new afterwards."""

from __future__ import annotations

import asyncio
import os
import socket
import time

import pytest
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from datasets.uploads import body, disk, reception, sessions
from datasets.uploads.wanted import NewUpload

BLOCK = reception.BLOCK_BYTES


class Serving:
    """uvicorn's protocol on a real socket, before an application that takes bodies directly."""

    def __init__(self):
        self.bodies: list[bytes] = []
        self.sizes: list[int] = []
        self.direct: list[bool] = []
        self.left: list[bytes] = []

    async def application(self, scope, receive, send):
        given = dict(scope["headers"])
        size = int(given[b"content-length"]) if b"content-length" in given else None
        taken = reception.direct(receive, size)
        self.direct.append(taken is not receive)
        whole = bytearray()
        while (message := await taken())["type"] == "http.request":
            self.sizes.append(len(message["body"]))
            whole += message["body"]
            if not message["more_body"]:
                break
        else:
            self.left.append(body._left_behind(taken))
        self.bodies.append(bytes(whole))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@pytest.fixture
def talk():
    """Let a blocking client talk to it in a thread; return what was served."""

    def run(client, application=None):
        serving = Serving()

        async def both():
            app = application or serving.application
            config = Config(app, http="httptools", interface="asgi3", log_level="warning")
            config.load()
            state = ServerState()
            loop = asyncio.get_running_loop()
            server = await loop.create_server(lambda: HttpToolsProtocol(config, state, {}), "127.0.0.1", 0)
            await asyncio.to_thread(client, server.sockets[0].getsockname())
            for _ in range(500):
                if not state.tasks:
                    break
                await asyncio.sleep(0.01)
            assert not state.tasks
            server.close()

        asyncio.run(both())
        return serving

    return run


def head(size: int, *more: str) -> bytes:
    return "\r\n".join(["PATCH / HTTP/1.1", "Host: x", f"Content-Length: {size}", *more, "", ""]).encode()


def answers(wire: socket.socket, count: int) -> bytes:
    got = b""
    while got.count(b"HTTP/1.1 204") < count:
        part = wire.recv(4096)
        assert part, got
        got += part
    return got


@pytest.mark.parametrize("size", [BLOCK * 2, BLOCK * 2 + 1, BLOCK * 5 - 1, BLOCK * 7 + 12_345])
@pytest.mark.parametrize("with_head", [0, 1, 70_000])
def test_a_body_arrives_whole_and_the_next_request_too(talk, size, with_head):
    data = os.urandom(size)

    def client(address):
        with socket.create_connection(address) as wire:
            wire.sendall(head(size) + data[:with_head])
            wire.sendall(data[with_head:] + head(3) + b"abc" + head(size) + data)  # pipelined: not a byte too many
            answers(wire, 3)

    served = talk(client)
    assert served.direct == [True, False, True]
    assert [each == want for each, want in zip(served.bodies, (data, b"abc", data), strict=True)] == [True] * 3
    assert max(served.sizes[1:]) <= BLOCK


def test_what_is_small_or_chunked_goes_the_servers_way(talk):
    def client(address):
        with socket.create_connection(address) as wire:
            wire.sendall(head(BLOCK - 1) + bytes(BLOCK - 1))
            answers(wire, 1)
            wire.sendall(b"PATCH / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            answers(wire, 1)

    served = talk(client)
    assert served.direct == [False, False]
    assert served.bodies == [bytes(BLOCK - 1), b"abc"]


def test_a_client_that_waits_to_be_asked_is_asked(talk):
    def client(address):
        with socket.create_connection(address) as wire:
            wire.sendall(head(BLOCK * 2, "Expect: 100-continue"))
            assert wire.recv(100).startswith(b"HTTP/1.1 100 ")
            wire.sendall(bytes(BLOCK * 2))
            answers(wire, 1)

    assert talk(client).bodies == [bytes(BLOCK * 2)]


@pytest.mark.parametrize("came", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK * 2, BLOCK * 3 - 1])
def test_a_cut_loses_no_byte_that_had_come(talk, came):
    data = os.urandom(came)

    def client(address):
        with socket.create_connection(address) as wire:
            wire.sendall(head(BLOCK * 3, "Expect: 100-continue"))
            assert wire.recv(100)  # it is being taken
            wire.sendall(data)

    served = talk(client)
    assert served.direct == [True]
    assert served.bodies[0] + served.left[0] == data


def test_nothing_is_read_ahead_of_who_takes_it(talk):
    """One block is all that is held: who does not ask is not read for."""
    seen = []

    async def application(scope, receive, send):
        taken = reception.direct(receive, BLOCK * 40)
        await taken()
        first = await taken()
        copy = bytes(first["body"])
        await asyncio.sleep(0.3)
        seen.append((copy == first["body"], len(taken.__self__.body)))
        while (await taken())["more_body"]:
            pass
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def client(address):
        with socket.create_connection(address) as wire:
            wire.sendall(head(BLOCK * 40) + b"".join(bytes([number]) * BLOCK for number in range(40)))
            answers(wire, 1)

    talk(client, application)
    assert seen == [(True, 0)]


def reading_on(bodies: list[bytes], runs: list[int], left: list[bytes]):
    """Return an application that reads on in a thread after each message."""

    async def application(scope, receive, send):
        given = dict(scope["headers"])
        taken = reception.direct(receive, int(given[b"content-length"]))
        whole = bytearray()
        while (message := await taken())["type"] == "http.request":
            whole += message["body"]
            if taken is receive:
                if not message["more_body"]:
                    break
                continue
            before, add = len(whole), whole.extend
            await asyncio.to_thread(taken.__self__.reader(), lambda parts, add=add: [add(part) for part in parts])
            runs.append(len(whole) - before)
            if taken.__self__.went_on():
                break
        else:
            left.append(body._left_behind(taken))
        bodies.append(bytes(whole))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return application


@pytest.mark.parametrize("size", [BLOCK, BLOCK * 2 + 1, BLOCK * 5 - 1, reception.TURN_BYTES * 2 + 12_345])
def test_a_thread_that_reads_on_takes_the_body_whole_and_not_a_byte_of_the_next_request(talk, size):
    data, bodies, runs = os.urandom(size), [], []

    def client(address):
        with socket.create_connection(address) as wire:
            wire.sendall(head(size) + data + head(3) + b"abc" + head(size) + data)
            answers(wire, 3)

    talk(client, reading_on(bodies, runs, []))
    assert [each == want for each, want in zip(bodies, (data, b"abc", data), strict=True)] == [True] * 3
    assert max(runs, default=0) <= reception.TURN_BYTES + BLOCK  # others have their turn
    if size > 4 * BLOCK:
        assert sum(runs) > size  # more than half of both came this way


@pytest.mark.parametrize("came", [0, 1, BLOCK, BLOCK + 1, BLOCK * 3 - 1])
def test_a_cut_while_a_thread_reads_on_loses_no_byte_that_had_come(talk, came):
    data, bodies, left = os.urandom(came), [], []

    def client(address):
        with socket.create_connection(address) as wire:
            wire.sendall(head(BLOCK * 3, "Expect: 100-continue"))
            assert wire.recv(100)
            wire.sendall(data)

    talk(client, reading_on(bodies, [], left))
    assert bodies[0] + left[0] == data


def test_a_slow_client_keeps_no_thread(talk):
    """A thread that finds nothing gives the connection back to the event loop, and is not waited in."""
    bodies, runs = [], []

    def client(address):
        with socket.create_connection(address) as wire:
            wire.sendall(head(BLOCK * 2) + bytes(BLOCK))
            while not runs:  # the first block was written, and nothing more is there
                time.sleep(0.01)
            wire.sendall(bytes(BLOCK))
            answers(wire, 1)

    talk(client, reading_on(bodies, runs, []))
    assert bodies == [bytes(BLOCK * 2)]
    assert runs[0] < BLOCK


@pytest.mark.django_db(transaction=True)
def test_an_uploads_body_gets_here_through_all_that_is_before_it(talk, owner, monkeypatch):
    """Whatever wraps `receive` on its way, or an upgrade of uvicorn, would bring the slow way back without a word."""
    from tradenexus import asgi

    session = sessions.start(owner.actor, NewUpload("t.csv", "text/csv", BLOCK * 3))
    data, taken = os.urandom(BLOCK * 3), []
    direct = reception.direct
    monkeypatch.setattr(reception, "direct", lambda *given: taken.append(direct(*given)) or taken[-1])

    def client(address):
        with socket.create_connection(address) as wire:
            more = [f"Authorization: Bearer {owner.key}", "Tus-Resumable: 1.0.0", "Upload-Offset: 0"]
            asked = head(len(data), *more, "Content-Type: application/offset+octet-stream")
            wire.sendall(asked.replace(b"PATCH /", f"PATCH /v1/uploads/{session.ref}".encode()) + data)
            answers(wire, 1)

    talk(client, asgi.application)
    assert isinstance(taken[0].__self__, reception.Reception)
    assert disk.data_path(session.id).read_bytes() == data
