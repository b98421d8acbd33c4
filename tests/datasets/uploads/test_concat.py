"""Partial and final uploads, from outside: every MUST of the concatenation extension, and what is refused."""

from __future__ import annotations

import hashlib
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.uploads import concat
from datasets.uploads.errors import BadHeader
from tests.kit import tus
from tests.kit.server import Server
from tests.kit.tus import BODY, HEADERS

PARTS = [b"first,", b"second,", b"third"]
HOSTS = frozenset({"nexus.example:8000"})


def final_of(client: httpx.Client, urls: list[str], **pairs: str) -> str:
    answer = tus.final(client, urls, **pairs)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def shown(client: httpx.Client, url: str) -> dict:
    return client.get(url).json()["upload"]


def test_it_is_offered(client):
    extensions = client.options("/v1/uploads/").headers["tus-extension"].split(",")
    assert "concatenation" in extensions
    assert "concatenation-unfinished" not in extensions


def test_parts_become_one_version_in_the_order_given(server, client):
    urls = [tus.partial(client, part) for part in PARTS]
    assert [client.head(url, headers=HEADERS).headers["upload-concat"] for url in urls] == ["partial"] * 3
    order = [urls[2], server.url + urls[0], urls[1] + "/"]
    url = final_of(client, order, filename="t.csv", datasetName="joined")
    head = client.head(url, headers=HEADERS)
    assert head.headers["upload-concat"] == f"final;{' '.join(order)}"
    assert head.headers["upload-length"] == str(sum(map(len, PARTS)))
    assert "upload-offset" not in head.headers
    assert shown(client, url)["state"] == "joining"
    server.work()
    head = client.head(url, headers=HEADERS)
    assert head.headers["upload-offset"] == head.headers["upload-length"] == str(sum(map(len, PARTS)))
    assert head.headers["upload-concat"] == f"final;{' '.join(order)}"
    digest = hashlib.sha256(PARTS[2] + PARTS[0] + PARTS[1]).hexdigest()
    dataset = f"/v1/datasets/{shown(client, url)['datasetId']}"
    assert client.post(f"{dataset}/uploads:complete", json={"sha256": digest}).status_code == 202
    server.work()
    made = client.get(dataset).json()["dataset"]
    assert (made["name"], made["status"], made["sha256"]) == ("joined", "uploaded", digest)
    assert [
        path.parent.name for path in (server.home / "uploads").glob("*/*/data") if path.parent.name in str(urls)
    ] == []


def test_complete_while_it_is_joined_goes_on_by_itself_in_one_job(server, client):
    url = final_of(client, [tus.partial(client, part) for part in PARTS])
    dataset = f"/v1/datasets/{shown(client, url)['datasetId']}"
    digest = hashlib.sha256(b"".join(PARTS)).hexdigest()
    first = client.post(f"{dataset}/uploads:complete", json={"sha256": digest})
    server.work()
    again = client.post(f"{dataset}/uploads:complete", json={"sha256": digest})
    assert first.json()["job"]["id"] == again.json()["job"]["id"]
    assert again.json()["job"]["result"]["sha256"] == digest
    assert client.get(dataset).json()["dataset"]["status"] == "uploaded"


def test_the_final_takes_no_bytes_and_neither_do_its_parts(server, client):
    urls = [tus.partial(client, part) for part in PARTS]
    url = final_of(client, urls)
    for when in ("joining", "open"):
        assert shown(client, url)["state"] == when
        for one in (url, urls[0]):
            answer = tus.patch(client, one, 0, b"x")
            assert (answer.status_code, tus.error(answer)) == (403, "UPLOAD_FINAL")
        server.work()
    assert client.head(urls[0], headers=HEADERS).headers["upload-offset"] == str(len(PARTS[0]))
    assert client.delete(urls[0], headers=HEADERS).status_code == 403


def test_a_part_may_be_named_more_than_once(server, client):
    part = tus.partial(client, b"again ")
    url = final_of(client, [part, part, part])
    server.work()
    assert tus.path_of(server, url).read_bytes() == b"again " * 3


def test_a_partial_upload_is_of_no_dataset_and_can_be_cancelled(client):
    given = {
        **HEADERS,
        "Upload-Length": "5",
        "Upload-Concat": "partial",
        "Upload-Metadata": tus.metadata(datasetId="ds_x"),
    }
    url = client.post("/v1/uploads/", headers=given).headers["location"]
    part = shown(client, url)
    assert (part["concat"], part["datasetId"], part["versionId"], part["version"]) == ("partial", None, None, None)
    assert url.rsplit("/", 1)[1] in [item["id"] for item in client.get("/v1/uploads?state=live").json()["items"]]
    assert client.delete(url, headers=HEADERS).status_code == 204
    answer = tus.final(client, [url])
    assert (answer.status_code, tus.error(answer)) == (410, "UPLOAD_GONE")


def test_a_partial_upload_may_begin_without_its_length(server, client):
    given = {**BODY, "Upload-Defer-Length": "1", "Upload-Concat": "partial"}
    url = client.post("/v1/uploads/", content=b"abc", headers=given).headers["location"]
    assert tus.final(client, [url]).status_code == 409
    assert tus.patch(client, url, 3, b"de", **{"Upload-Length": "5"}).status_code == 204
    final = final_of(client, [url])
    server.work()
    assert tus.path_of(server, final).read_bytes() == b"abcde"


def test_asking_again_for_the_same_final_upload_gives_it(server, client):
    urls = [tus.partial(client, part) for part in PARTS]
    first = final_of(client, urls, filename="a.csv")
    assert final_of(client, [server.url + url for url in urls], filename="a.csv") == first
    for other in (tus.final(client, urls, filename="b.csv"), tus.final(client, urls[::-1], filename="a.csv")):
        assert (other.status_code, tus.error(other)) == (409, "UPLOAD_PART_UNFIT")
    server.work()
    assert final_of(client, urls, filename="a.csv") == first
    assert client.delete(first, headers=HEADERS).status_code == 204
    assert tus.final(client, urls, filename="a.csv").status_code == 410


def test_only_whole_partial_uploads_can_be_joined(client):
    whole = tus.partial(client, b"x")
    plain = tus.create(client, 1)
    tus.patch(client, plain, 0, b"x")
    begun = client.post("/v1/uploads/", headers={**HEADERS, "Upload-Length": "9", "Upload-Concat": "partial"})
    for bad in (plain, begun.headers["location"]):
        answer = tus.final(client, [whole, bad])
        assert (answer.status_code, tus.error(answer)) == (409, "UPLOAD_PART_UNFIT")
        assert answer.json()["error"]["details"]["uploadId"] == bad.rsplit("/", 1)[1]
    assert shown(client, whole)["state"] == "open"


def test_another_tenants_part_looks_unknown(server, client):
    mine = tus.partial(client, b"x")
    with server.client(server.stranger) as stranger:
        theirs = tus.partial(stranger, b"secret")
        answers = [tus.final(client, [mine, url]) for url in (theirs, "/v1/uploads/up_" + "0" * 32)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].json()["error"] == answers[1].json()["error"]
        assert shown(stranger, theirs)["state"] == "open"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "partially",
        "final",
        "final;",
        "final;../../etc/passwd",
        "final;/v1/uploads/../../etc/passwd",
        "final;/v1/uploads/%2e%2e%2fetc%2fpasswd",
        "final;/v1/uploads/up_",
        "final;/v1/datasets/up_" + "0" * 32,
        "final;file:///etc/passwd",
        "final;http://elsewhere.example/v1/uploads/up_" + "0" * 32,
        "final;//elsewhere.example/v1/uploads/up_" + "0" * 32,
        "final;/v1/uploads/up_" + "0" * 32 + "?x=1",
        "final;http://[/v1/uploads/up_" + "0" * 32,
        "final;" + " ".join(["/v1/uploads/up_" + "0" * 32] * 1001),
    ],
)
def test_what_is_no_list_of_our_addresses_is_refused(server, client, value):
    answer = client.post("/v1/uploads/", headers={**HEADERS, "Upload-Concat": value})
    assert (answer.status_code, tus.error(answer)) == (400, "UPLOAD_HEADER_INVALID")
    folder = server.home / "uploads"
    assert {path.name for path in folder.glob("*/*/*")} <= {"data", "want"}


@pytest.mark.parametrize(
    "more", [{"Upload-Length": "1"}, {"Upload-Defer-Length": "1"}, {"Content-Type": BODY["Content-Type"], "body": "x"}]
)
def test_a_final_upload_takes_no_length_and_no_body(client, more):
    url = tus.partial(client, b"x")
    content = more.pop("body", "")
    given = {**HEADERS, "Upload-Concat": f"final;{url}", **more}
    answer = client.post("/v1/uploads/", content=content, headers=given)
    assert (answer.status_code, tus.error(answer)) == (400, "UPLOAD_HEADER_INVALID")
    assert shown(client, url)["state"] == "open"


def test_the_final_may_be_a_new_version_of_a_dataset(server, client):
    url = final_of(client, [tus.partial(client, b"one")])
    server.work()
    dataset = shown(client, url)["datasetId"]
    again = tus.final(client, [tus.partial(client, b"two")], datasetId=dataset)
    assert (again.status_code, tus.error(again)) == (409, "STATE_CONFLICT")
    client.post(f"/v1/datasets/{dataset}/uploads:complete", json={})
    server.work()
    second = final_of(client, [tus.partial(client, b"two")], datasetId=dataset)
    assert shown(client, second)["version"] == 2


@pytest.fixture
def tight(tmp_path):
    with Server(tmp_path, NEXUS_TENANT_QUOTA_BYTES="1000", NEXUS_MAX_UPLOAD_BYTES="900") as running:
        yield running


def test_parts_count_against_the_quota_once(tight):
    with tight.client() as client:
        urls = [tus.partial(client, bytes(300)) for _ in range(3)]
        refused = client.post("/v1/uploads/", headers={**HEADERS, "Upload-Length": "101", "Upload-Concat": "partial"})
        assert (refused.status_code, tus.error(refused)) == (429, "QUOTA_EXCEEDED")
        larger = tus.final(client, [*urls, urls[0]])
        assert (larger.status_code, tus.error(larger)) == (413, "UPLOAD_TOO_LARGE")
        url = final_of(client, urls)
        tight.work()
        assert tus.create(client, 100)
        assert client.delete(url, headers=HEADERS).status_code == 204
        assert tus.create(client, 900)


@given(st.lists(st.integers(0, 2**128 - 1).map(lambda n: UUID(int=n)), min_size=1, max_size=5), st.booleans())
def test_the_addresses_we_give_are_read_back(ids, absolute):
    base = "https://nexus.example:8000" if absolute else ""
    text = "final;" + " ".join(f"{base}/v1/uploads/up_{each.hex}" for each in ids)
    assert concat.named(text, HOSTS) == concat.in_order(text) == ids


@given(st.text(max_size=60))
def test_other_text_is_refused_and_never_an_error_of_ours(text):
    try:
        concat.named("final;" + text, HOSTS)
    except BadHeader:
        return
    raise AssertionError("taken")


def test_a_foreign_host_is_no_address_of_ours():
    url = f"https://evil.example/v1/uploads/up_{uuid4().hex}"
    with pytest.raises(BadHeader):
        concat.named(f"final;{url}", HOSTS)
    assert concat.hosts({"host": "a:1", "x-forwarded-host": "b"}) == {"a:1"}
