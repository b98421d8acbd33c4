"""Downloads: resumed, verified, never outside the folder, never over an existing file."""

import hashlib

import pytest

from tradenexus.cli.downloads import digest_of, safe_name

DATA = bytes(range(256)) * 8000


@pytest.fixture
def dataset(platform):
    platform.file = DATA
    return platform.dataset("btc", filename="btc.csv", status="validated", kind="trades")


def test_the_raw_file_comes_verified(platform, nexus, dataset, home):
    ran = nexus("dataset", "download", "btc", "--json")
    assert ran.code == 0, ran.err
    assert (home / "btc.csv").read_bytes() == DATA
    assert ran.json == {
        "file": "btc.csv",
        "sizeBytes": len(DATA),
        "sha256": hashlib.sha256(DATA).hexdigest(),
        "verified": True,
    }
    assert [path.name for path in home.iterdir()] == ["btc.csv"]


def test_canonical_files_come_one_per_symbol(platform, nexus, dataset, home):
    dataset["symbols"] = ["BTC-USD", "../ETH"]
    assert nexus("dataset", "download", "btc", "--canonical", "--out", home).code == 0
    assert sorted(path.name for path in home.iterdir()) == ["BTC-USD-v1.parquet", "ETH-v1.parquet"]
    assert nexus("dataset", "download", "btc", "--symbols", "XRP").code == 5


def test_a_symbol_of_two_venues_is_two_files(platform, nexus, dataset, home):
    dataset["symbols"] = ["BTC-USD", "BTC-USD"]
    assert nexus("dataset", "download", "btc", "--symbols", "BTC-USD", "--out", home).code == 0
    assert sorted(path.name for path in home.iterdir()) == ["BTC-USD-V0-v1.parquet", "BTC-USD-V1-v1.parquet"]
    asked = [path for _, path, _ in platform.headers_seen if "/download" in path]
    assert len(asked) >= 2


def test_a_broken_download_goes_on_with_a_range(platform, nexus, dataset, home):
    platform.cuts = [700_000, 500_000]
    assert nexus("dataset", "download", "btc").code == 0
    assert (home / "btc.csv").read_bytes() == DATA
    ranges = [h.get("Range") for _, path, h in platform.headers_seen if path.endswith("/download")]
    assert ranges[0] is None
    assert all(one.startswith("bytes=") for one in ranges[1:])


def test_a_download_that_broke_off_goes_on_in_the_next_run(platform, nexus, dataset, home):
    platform.cuts = [700_000, *[1] * 20]
    assert nexus("dataset", "download", "btc").code == 10
    assert (home / "btc.csv.part").stat().st_size >= 700_000
    platform.cuts = []
    assert nexus("dataset", "download", "btc").code == 0
    assert (home / "btc.csv").read_bytes() == DATA


def test_a_file_that_changed_at_the_server_is_begun_anew(platform, nexus, dataset, home):
    platform.cuts = [700_000, *[1] * 20]
    nexus("dataset", "download", "btc")
    platform.cuts = []
    platform.file = DATA[::-1]
    assert nexus("dataset", "download", "btc").code == 0
    assert (home / "btc.csv").read_bytes() == DATA[::-1]


def test_wrong_bytes_are_not_kept(platform, nexus, dataset, home):
    platform.fail("/download", 200, body=DATA[:-1], headers={"ETag": '"' + hashlib.sha256(DATA).hexdigest() + '"'})
    ran = nexus("--json", "dataset", "download", "btc")
    assert (ran.code, ran.error["code"]) == (1, "CHECKSUM_MISMATCH")
    assert list(home.iterdir()) == []


def test_an_existing_file_is_not_replaced_without_yes(platform, nexus, dataset, home):
    (home / "btc.csv").write_text("mine")
    assert nexus("dataset", "download", "btc").code == 6
    assert (home / "btc.csv").read_text() == "mine"
    assert nexus("-y", "dataset", "download", "btc").code == 0


@pytest.mark.parametrize(
    ("proposed", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        (".bashrc", "bashrc"),
        ("a\x00b\nc", "a_b_c"),
        ("..", "download"),
        ("", "download"),
        ("BTC/USD", "USD"),
    ],
)
def test_a_proposed_name_is_only_ever_a_plain_file_name(proposed, name):
    assert safe_name(proposed) == name


def test_a_digest_is_read_from_any_of_its_headers():
    digest = hashlib.sha256(b"").hexdigest()
    encoded = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    for headers in ({"repr-digest": f"sha-256=:{encoded}:"}, {"digest": f"SHA-256={encoded}"}, {"etag": f'"{digest}"'}):
        assert digest_of(headers) == digest
    assert digest_of({"etag": '"abc"'}) == ""


def test_a_download_asked_too_often_waits_as_told_or_says_so_at_once(platform, nexus, dataset, home):
    path = f"GET /v1/datasets/{dataset['id']}/download"
    platform.fail(path, 429, "RATE_LIMITED", headers={"Retry-After": "1"}, times=1)
    assert nexus("dataset", "download", "btc").code == 0
    platform.fail(path, 429, "RATE_LIMITED", headers={"Retry-After": "3600"}, times=1)
    ran = nexus("dataset", "download", "btc", "--out", home / "again.csv")
    assert ran.code == 9
    assert "RATE_LIMITED" in ran.err
