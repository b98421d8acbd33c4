"""Downloads: bytes and ranges exact, and never something that a browser would run or a path it would follow."""

import asyncio

import pytest
from django.test import RequestFactory

from tradenexus.rest import streams
from tradenexus.rest.streams import RangeUnsatisfiable

DATA = bytes(range(256)) * 4


def read(start, stop):
    for at in range(start, stop, 100):
        yield DATA[at : min(at + 100, stop)]


def fetch(header=None, filename="a.csv"):
    request = RequestFactory().get("/", headers={"Range": header} if header else {})
    answer = streams.download(request, read, len(DATA), "ab" * 32, filename)

    async def body():
        return b"".join([piece async for piece in answer.streaming_content])

    return answer, asyncio.run(body())


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-1023", 0, 1024),
        ("bytes=10-19", 10, 20),
        ("bytes=1000-", 1000, 1024),
        ("bytes=1000-99999", 1000, 1024),
        ("bytes=-24", 1000, 1024),
        ("bytes=-99999", 0, 1024),
        ("bytes=-", 0, 1024),
        ("bytes=a-b", 0, 1024),
        ("bytes=0-1,5-6", 0, 1024),
        ("lines=1-2", 0, 1024),
        (None, 0, 1024),
    ],
)
def test_ranges_are_exact(header, start, stop):
    answer, body = fetch(header)
    assert body == DATA[start:stop]
    assert answer["Content-Length"] == str(len(body))
    partial = len(body) != len(DATA)
    assert answer.status_code == (206 if partial else 200)
    if partial:
        assert answer["Content-Range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"


@pytest.mark.parametrize("header", ["bytes=1024-", "bytes=5000-6000", "bytes=20-10", "bytes=-0"])
def test_a_range_outside_says_how_much_there_is(header):
    with pytest.raises(RangeUnsatisfiable) as refused:
        fetch(header)
    assert (refused.value.status, refused.value.details) == (416, {"sizeBytes": 1024})


@pytest.mark.parametrize(
    "filename",
    [
        'a";filename="evil.html',
        "a\r\nSet-Cookie: x=1",
        "../../etc/passwd",
        "..\\..\\boot.ini",
        "<script>alert(1)</script>.html",
        "=cmd|'/c calc'!A1.csv",
        "naïve 数据.csv",
        "\u202egnp.exe",
        "a\0b",
        "x" * 10_000,
        "",
    ],
)
def test_a_name_given_by_a_client_stays_a_name(filename):
    answer, _ = fetch(filename=filename)
    header = answer["Content-Disposition"]
    assert header.startswith("attachment; ")
    assert header.isascii()
    assert header.isprintable()
    plain = header.split('filename="')[1].split('"')[0]
    assert plain
    assert not set(plain) & set('/\\"\r\n;<>=')
    assert header.count('"') == 2
    assert len(header) < 3_500
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Type"] == "application/octet-stream"
