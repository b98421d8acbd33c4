"""The client against a server that answers anything: each way it can go ends in its own error."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lona import client, errors

TOKEN = "canary-token-5f1c"


class Handler(BaseHTTPRequestHandler):
    """Answers what the test wrote into `server.script`: a function of the handler."""

    def do_GET(self):
        self._serve()

    do_POST = do_DELETE = do_GET

    def _serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        self.server.script(self)

    def answer(self, status, body=b"", **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.seen, running.script = [], lambda handler: handler.answer(200, {"data": {"id": "x"}})
    running.url = f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def lona(server, settings):
    settings.LONA_ALLOW_PRIVATE = True
    return client.Client(server.url, "agent", TOKEN, "request-7")


@pytest.fixture
def csv_file(tmp_path):
    path = tmp_path / "slice.csv"
    path.write_text("timestamp,open,high,low,close\n")
    return path


def test_credentials_and_request_id_travel_with_each_call(lona, server):
    lona.symbol("x")
    _, path, headers, _ = server.seen[0]
    assert path == "/api/v1/symbols/x"
    assert (headers["X-API-Key"], headers["X-User-Id"], headers["X-Request-Id"]) == (TOKEN, "agent", "request-7")
    assert headers["Host"] == server.url.removeprefix("http://")


def test_a_symbol_is_sent_as_the_contract_says(lona, server, csv_file):
    assert lona.create_symbol(csv_file, {"name": "n"}) == "x"
    body = server.seen[0][3]
    assert b'name="file"; filename="data.csv"' in body
    assert b"Content-Type: text/csv" in body
    assert b'name="metadata"\r\n\r\n{"name": "n"}' in body


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"detail": "no"}, errors.LonaCredentialsRefused),
        (403, {"detail": "no"}, errors.LonaCredentialsRefused),
        (404, {"detail": "Not found"}, errors.LonaNotFound),
        (409, {"detail": "Resource already exists"}, errors.LonaConflict),
        (400, {"error": {"code": "X", "message": "Resource already exists"}}, errors.LonaConflict),
        (422, {"detail": [{"loc": ["body", "name"], "msg": "too long"}]}, errors.LonaRejected),
        (400, b"<html>", errors.LonaRejected),
        (429, {"detail": "slow"}, errors.LonaRateLimited),
        (302, b"", errors.LonaAnswerUnreadable),
    ],
)
def test_refusals_are_told_apart(lona, server, csv_file, status, body, kind):
    server.script = lambda handler: handler.answer(status, body, Location="http://127.0.0.1/elsewhere", Retry_After="7")
    for call in (lambda: lona.symbol("x"), lambda: lona.create_symbol(csv_file, {})):
        with pytest.raises(errors.LonaError) as raised:
            call()
        assert type(raised.value) is kind
        assert TOKEN not in str(raised.value) + json.dumps(raised.value.details)
    if kind is errors.LonaRejected and isinstance(body, dict):
        assert raised.value.details["field"] == "name"
        assert raised.value.details["providerMessage"] == "too long"
    if kind is errors.LonaRateLimited:
        assert raised.value.retry_after_s == 7
    assert len(server.seen) == 2


def hang_up(handler):
    handler.connection.shutdown(socket.SHUT_RDWR)


LOST = {
    "no answer": hang_up,
    "500": lambda handler: handler.answer(500, {"detail": "oops"}),
    "503": lambda handler: handler.answer(503, b""),
    "half an answer": lambda handler: handler.answer(200, b'{"data": {"id"'),
    "no id": lambda handler: handler.answer(200, {"data": {}}),
    "a list": lambda handler: handler.answer(200, [1]),
}


@pytest.mark.parametrize("way", LOST)
def test_what_creates_and_gets_no_usable_answer_is_lost_not_failed(lona, server, csv_file, way):
    server.script = LOST[way]
    for call in (
        lambda: lona.create_symbol(csv_file, {}),
        lambda: lona.run({}),
        lambda: lona.create_strategy("d", "n"),
    ):
        with pytest.raises(errors.LonaAnswerLost):
            call()
    assert len(server.seen) == 3


@pytest.mark.parametrize("way", ["no answer", "500", "503"])
def test_what_only_reads_is_unavailable(lona, server, way):
    server.script = LOST[way]
    with pytest.raises(errors.LonaUnavailable):
        lona.symbol("x")


def test_a_port_that_nobody_listens_on_means_nothing_was_sent(settings, csv_file):
    settings.LONA_ALLOW_PRIVATE = True
    away = client.Client("http://127.0.0.1:9", "agent", TOKEN)
    with pytest.raises(errors.LonaUnavailable):
        away.create_symbol(csv_file, {})


def test_a_name_that_does_not_resolve_is_unavailable(settings):
    with pytest.raises(errors.LonaUnavailable):
        client.Client("http://nowhere.invalid", "agent", TOKEN).symbol("x")


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1", "http://[::1]", "http://169.254.169.254", "http://10.0.0.1", "http://2130706433"]
)
def test_private_addresses_are_refused_unless_allowed(settings, base):
    settings.LONA_ALLOW_PRIVATE = False
    with pytest.raises(errors.LonaAddressRefused):
        client.Client(base, "agent", TOKEN).symbol("x")


def test_the_address_that_was_checked_is_the_one_that_is_called(server, settings, monkeypatch):
    settings.LONA_ALLOW_PRIVATE = True
    asked = []

    def resolve(url, *, allow_private):
        asked.append(url)
        return client.egress.Target("http", "gateway.example", server.server_port, "127.0.0.1")

    monkeypatch.setattr(client.egress, "resolve", resolve)
    client.Client(f"http://gateway.example:{server.server_port}", "agent", TOKEN).symbol("x")
    assert len(asked) == 1
    assert server.seen[0][2]["Host"] == f"gateway.example:{server.server_port}"


def test_a_body_without_end_is_cut(lona, server, monkeypatch):
    monkeypatch.setattr(client, "JSON_LIMIT_BYTES", 1000)
    server.script = lambda handler: handler.answer(200, b"[" + b"1," * 1000 + b"1]")
    with pytest.raises(errors.LonaAnswerUnreadable):
        lona.symbol("x")


def test_lists_are_paged_to_the_end_and_shifted_rows_come_once(lona, server):
    pages = {0: [{"id": "a"}, {"id": "b"}], 2: [{"id": "b"}, {"id": "c"}], 4: []}

    def script(handler):
        skip = int(handler.path.split("skip=")[1].split("&")[0])
        handler.answer(200, {"data": {"items": pages[skip], "has_next": True, "total": 9}})

    server.script = script
    assert [row["id"] for row in lona.symbols()] == ["a", "b", "c"]
    assert "limit=50" in server.seen[0][1]


@pytest.mark.parametrize("body", [{"data": []}, {"data": {"items": "x"}}, {"data": {"items": [1]}}, b"not json"])
def test_a_list_of_another_form_is_unreadable(lona, server, body):
    server.script = lambda handler: handler.answer(200, body)
    with pytest.raises(errors.LonaAnswerUnreadable):
        list(lona.symbols())


def test_the_token_goes_to_the_gateway_only(lona, server, tmp_path, settings):
    elsewhere = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    elsewhere.seen, elsewhere.script = [], lambda handler: handler.answer(200, b"timestamp\n")
    threading.Thread(target=elsewhere.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{elsewhere.server_port}/file.csv"
        lona.fetch_symbol_data({"id": "x", "file_url": url}, tmp_path / "back")
        lona.fetch_symbol_data({"id": "x", "file_url": "/files/x.csv"}, tmp_path / "back")
    finally:
        elsewhere.shutdown()
        elsewhere.server_close()
    assert "X-API-Key" not in elsewhere.seen[0][2]
    assert server.seen[0][1] == "/files/x.csv"
    assert server.seen[0][2]["X-API-Key"] == TOKEN


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://[bad", "gopher://127.0.0.1/"])
def test_a_file_at_an_odd_address_is_not_fetched(lona, tmp_path, url):
    with pytest.raises(errors.LonaError):
        lona.fetch_symbol_data({"id": "x", "file_url": url}, tmp_path / "back")


@pytest.mark.parametrize("key", ["../../agents", "a/b?c#d", "x\ny"])
def test_ids_never_leave_their_place_in_the_path(lona, server, key):
    lona.symbol(key)
    path = server.seen[0][1]
    assert path.startswith("/api/v1/symbols/")
    assert path.count("/") == 4
    assert "?" not in path


def test_an_id_of_dots_is_not_asked_for(lona, server):
    with pytest.raises(errors.LonaNotFound):
        lona.symbol("..")
    assert server.seen == []


def test_without_a_token_nothing_is_sent(server, settings):
    settings.LONA_ALLOW_PRIVATE = True
    with pytest.raises(errors.LonaNotConfigured):
        client.Client(server.url, "", "").symbol("x")
    assert server.seen == []


def test_the_token_is_not_in_the_clients_words():
    assert TOKEN not in repr(client.Client("http://x", "agent", TOKEN))


def test_registration_needs_no_token(server, settings):
    settings.LONA_ALLOW_PRIVATE = True
    server.script = lambda handler: handler.answer(200, {"data": {"token": "t"}})
    new = client.Client(server.url, "agent", "")
    assert new.request_invite("name") == {"token": "t"}
    assert new.register("name", secret="s")["token"] == "t"
    assert "X-API-Key" not in server.seen[1][2]
    assert server.seen[1][2]["X-Agent-Registration-Secret"] == "s"


def test_the_label_is_the_settings_else_what_the_gateway_says(server, settings):
    settings.LONA_ALLOW_PRIVATE = True
    settings.LONA_GATEWAY_URL, settings.LONA_PROVIDER_LABEL = server.url, ""
    server.script = lambda handler: handler.answer(200, {"status": "ok", "provider": "Sandbox (local)"})
    client._said_by.cache_clear()
    assert client.provider_label() == "Sandbox (local)"
    settings.LONA_PROVIDER_LABEL = "Mine"
    assert client.provider_label() == "Mine"
    client._said_by.cache_clear()
    settings.LONA_PROVIDER_LABEL = ""
    server.script = lambda handler: handler.answer(404, {"detail": "Not Found"})
    assert client.provider_label() == "Lona"
    client._said_by.cache_clear()
