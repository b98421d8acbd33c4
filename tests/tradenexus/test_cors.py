"""Pages of other origins: those that are named may read what they are answered, others may not; nobody by default."""

from __future__ import annotations

import httpx
import pytest

from tests.kit import tus
from tests.kit.server import Server
from tradenexus import cors

NAMED = "https://desk.example"
OTHER = "https://elsewhere.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("cors"), NEXUS_CORS_ORIGINS=f"{NAMED},http://127.0.0.1:9") as running:
        yield running


def preflight(server: Server, path: str, origin: str, method: str = "PATCH") -> httpx.Response:
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization,tus-resumable"}
    return httpx.options(f"{server.url}{path}", headers={"Origin": origin, **asked})


def listed(answer: httpx.Response, name: str) -> set[str]:
    return {each.strip().lower() for each in answer.headers[name].split(",")}


def refusals(answer: httpx.Response) -> list[str]:
    return [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", ["/v1/uploads", "/v1/uploads/", "/v1/uploads/up_x", "/v1/datasets", "/v1/me"])
def test_a_named_origin_may_ask_without_a_credential_what_it_may_send(server, path):
    answer = preflight(server, path, NAMED)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == NAMED
    assert {"post", "head", "patch", "delete", "put"} <= listed(answer, "access-control-allow-methods")
    assert {
        "authorization", "content-type", "idempotency-key", "tus-resumable", "upload-length", "upload-defer-length",
        "upload-offset", "upload-metadata", "upload-checksum", "upload-concat", "x-http-method-override",
    } <= listed(answer, "access-control-allow-headers")  # fmt: skip
    assert "origin" in listed(answer, "vary")


def test_a_named_origin_reads_what_the_protocol_answers(server):
    with server.client(Origin=NAMED) as client:
        given = {**tus.HEADERS, "Upload-Length": "3"}
        made = client.post("/v1/uploads/", headers=given)
        url = made.headers["location"]
        answers = [made, client.head(url, headers=tus.HEADERS), tus.patch(client, url, 0, b"abc"), client.get(url)]
        refused = [tus.patch(client, url, 9, b"x"), client.get("/v1/datasets/ds_x"), client.get("/v1/datasets")]
    for answer in answers + refused:
        assert answer.headers["access-control-allow-origin"] == NAMED
        assert {
            "location",
            "upload-offset",
            "upload-length",
            "upload-concat",
            "upload-expires",
            "tus-resumable",
        } <= listed(answer, "access-control-expose-headers")
        assert "access-control-allow-credentials" not in answer.headers
    options = httpx.options(f"{server.url}/v1/uploads/", headers={"Origin": NAMED})
    assert options.headers["tus-version"] == "1.0.0"
    assert options.headers["access-control-allow-origin"] == NAMED


def test_an_answer_without_a_credential_can_be_read_too(server):
    answer = httpx.get(f"{server.url}/v1/me", headers={"Origin": NAMED})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, NAMED)


@pytest.mark.parametrize(
    "origin",
    [OTHER, "null", "", "*", NAMED + "/", NAMED + ":443", NAMED.upper(), "http://desk.example", NAMED + ".evil"],
)
def test_another_origin_gets_no_header(server, origin):
    assert refusals(preflight(server, "/v1/uploads/", origin)) == []
    with server.client(Origin=origin) as client:
        for answer in (client.get("/v1/datasets"), client.options("/v1/uploads/")):
            assert refusals(answer) == []
            assert "origin" in listed(answer, "vary")


def test_only_the_api_is_opened(server):
    for path in ("/", "/login/", "/healthz", "/v1x"):
        assert refusals(httpx.get(f"{server.url}{path}", headers={"Origin": NAMED})) == []
        assert refusals(preflight(server, path, NAMED)) == []


def test_it_is_off_by_default(tmp_path):
    with Server(tmp_path) as running, running.client(Origin=NAMED) as client:
        answers = [
            preflight(running, "/v1/uploads/", NAMED),
            client.get("/v1/datasets"),
            client.options("/v1/uploads/"),
        ]
    assert [refusals(answer) for answer in answers] == [[], [], []]


def test_every_header_of_the_protocol_is_sent_or_shown():
    from datasets.api.tus import add

    paths = {path: {} for path in ("/v1/uploads", "/v1/uploads/", "/v1/uploads/{ref}")}
    schema = add({"paths": paths}, None, None, True)
    parameters = [
        parameter["name"]
        for operations in schema["paths"].values()
        for operation in operations.values()
        for parameter in operation["parameters"]
        if parameter["in"] == "header"
    ]
    assert set(parameters) <= {each.strip() for each in cors.SENT.split(",")}
