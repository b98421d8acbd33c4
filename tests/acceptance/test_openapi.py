"""The OpenAPI file is complete and true: requests made from it, good and bad, against a running server."""

from __future__ import annotations

import json

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.kit.server import Server
from tests.lona.sandbox.process import Agent, Sandbox

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    ignored_auth,
    unsupported_method,
]
EXAMPLES = 8
# Bytes as they are, under the media type of the upload protocol.
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with one dataset that went all the way to bars, and a provider that answers."""
    provider = Sandbox(tmp_path_factory.mktemp("provider") / "home")
    agent = Agent(provider, "openapi")
    at = {"LONA_GATEWAY_URL": provider.url, "LONA_ALLOW_PRIVATE": "1"}
    who = {"LONA_AGENT_ID": agent.headers["X-User-Id"], "LONA_AGENT_TOKEN": agent.headers["X-API-Key"]}
    with Server(tmp_path_factory.mktemp("openapi"), **at, **who) as running:
        _fill(running)
        yield running
    provider.stop()


@pytest.fixture(scope="module")
def api(server):
    """The schema as served."""
    return schemathesis.openapi.from_url(f"{server.url}/v1/openapi.json")


def test_every_operation_answers_as_the_file_says(api, server):
    failures = [line for found in api.get_all_operations() for line in _misfits(found.ok(), server)]
    assert failures == [], "\n".join(failures)


def _misfits(operation, server) -> list[str]:
    """Call one operation with made-up requests; return what does not fit the file."""
    found: list[str] = []

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def attempt(case):
        try:
            case.call_and_validate(
                headers={"Authorization": f"Bearer {server.owner}"}, checks=CHECKS, timeout=30, verify=False
            )
        except FailureGroup as group:
            found.extend(f"{operation.label}: {failure}" for failure in group.exceptions)

    attempt()
    return found[:3]


def test_the_file_names_every_route_and_is_openapi_3_1(server):
    told = httpx.get(f"{server.url}/v1/openapi.json").json()
    assert told["openapi"].startswith("3.1")
    from tests.acceptance.test_every_route import ROWS

    named = {path.strip("/").replace("{", "<").replace("}", ">") for path in told["paths"]}
    assert {path.strip("/") for path in ROWS} <= named


def _fill(server: Server) -> None:
    trades = "".join(f"{1_700_000_000 + second},{100 + second % 7},1\n" for second in range(0, 7_200, 20))
    data = ("time,price,size\n" + trades).encode()
    headers = {"Authorization": f"Bearer {server.owner}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        body = {"filename": "t.csv", "contentType": "text/csv", "sizeBytes": len(data), "symbol": "BTC-USD"}
        opened = client.post("/v1/datasets/uploads:init", json=body).json()
        tus = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        assert client.patch(opened["uploadUrl"], content=data, headers=tus).status_code == 204
        ds = opened["datasetId"]
        for path, extra in (("uploads:complete", {}), ("validate", {}), ("transform/candles", {"frequency": "5m"})):
            answer = client.post(f"/v1/datasets/{ds}/{path}", json=extra)
            assert answer.status_code == 202, answer.text
            server.work()
        told = client.get(f"/v1/datasets/{ds}").json()["dataset"]
        assert told["status"] == "ready", json.dumps(told)
