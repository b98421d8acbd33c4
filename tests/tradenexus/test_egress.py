"""Addresses that people give: every spelling of a private one is refused, and what was checked is what is called."""

import socket

import pytest

from tradenexus import egress
from tradenexus.egress import AddressRefused

REFUSED = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.255.255.254:8080/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://0/",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:a9fe:a9fe]/latest/meta-data/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b::a00:1]/",
    "http://[64:ff9b:1::1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[5f00::1]/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://0xA9FEA9FE/",
    "http://198.18.0.1/",
    "http://192.0.2.1/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://localhost/",
    "http://LOCALHOST:8000/",
    "http://example.org@127.0.0.1/",
    "http://user:password@169.254.169.254/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "ftp://example.org/",
    "//127.0.0.1/",
    "javascript:alert(1)",
    "http://",
    "http:///path",
    "http://127.0.0.1:99999/",
    "http://example.org:x/",
]
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "93.184.216.34",
    "2606:4700::1111",
    "64:ff9b::8.8.8.8",
    "::ffff:8.8.8.8",
    "2002:808:808::",
]


@pytest.mark.parametrize("url", REFUSED)
def test_a_private_or_foreign_address_is_refused_however_it_is_spelled(url):
    with pytest.raises(AddressRefused) as refused:
        egress.resolve(url)
    assert "password" not in str(refused.value) + str(refused.value.details)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address):
    assert egress.is_public(address)
    host = f"[{address}]" if ":" in address else address
    assert egress.resolve(f"https://{host}/v1").port == 443


def answers(monkeypatch, *rounds):
    """Let the resolver answer each time with the next list of addresses."""
    asked = []

    def resolve(host, port, **options):
        found = rounds[min(len(asked), len(rounds) - 1)]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def test_a_name_is_resolved_once_and_the_answer_is_what_is_called(monkeypatch):
    asked = answers(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    target = egress.resolve("http://rebinds.example:8080/x")
    assert (target.host, target.address, target.port) == ("rebinds.example", "93.184.216.34", 8080)
    assert len(asked) == 1
    with pytest.raises(AddressRefused):
        egress.resolve("http://rebinds.example:8080/x")


@pytest.mark.parametrize("private", ["10.0.0.1", "169.254.169.254", "fe80::1%eth0", "::1"])
def test_one_private_answer_among_public_ones_is_enough(monkeypatch, private):
    answers(monkeypatch, ["93.184.216.34", private])
    with pytest.raises(AddressRefused):
        egress.resolve("http://metadata.example/")


def test_a_name_that_nobody_knows_is_refused_and_says_why(monkeypatch):
    def unknown(*args, **options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(AddressRefused) as refused:
        egress.resolve("http://nowhere.example/")
    assert isinstance(refused.value.__cause__, OSError)


def test_private_addresses_pass_only_when_the_operator_allows_them():
    assert egress.resolve("http://127.0.0.1:8000/", allow_private=True).address == "127.0.0.1"
    with pytest.raises(AddressRefused):
        egress.resolve("file:///etc/passwd", allow_private=True)
