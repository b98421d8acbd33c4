"""Settings from the environment: typed, and what cannot be used is named."""

from pathlib import Path

import pytest

from tradenexus import env
from tradenexus.env import SettingInvalid


@pytest.fixture
def given(monkeypatch):
    return lambda value, name="NEXUS_X": monkeypatch.setenv(name, value)


def test_what_is_not_there_has_its_default():
    assert env.text("NEXUS_X", "d") == "d"
    assert (env.integer("NEXUS_X", 3), env.number("NEXUS_X", 1.5), env.flag("NEXUS_X", True)) == (3, 1.5, True)
    assert (env.words("NEXUS_X", "a, b"), env.choice("NEXUS_X", "a", ("a", "b"))) == (["a", "b"], "a")


def test_a_file_holds_a_secret_and_wins(given, tmp_path):
    (tmp_path / "key").write_text("from the file\n")
    given("from the environment")
    given(str(tmp_path / "key"), "NEXUS_X_FILE")
    assert env.text("NEXUS_X") == "from the file"
    given(str(tmp_path / "absent"), "NEXUS_X_FILE")
    with pytest.raises(SettingInvalid, match="NEXUS_X_FILE"):
        env.text("NEXUS_X")


def test_origins_are_exact(given):
    assert env.origins("NEXUS_X") == frozenset()
    given("https://desk.example, http://[::1]:8000")
    assert env.origins("NEXUS_X") == {"https://desk.example", "http://[::1]:8000"}


@pytest.mark.parametrize(
    "text",
    ["*", "null", "desk.example", "https://desk.example/", "https://*.example", "HTTPS://desk.example", "ftp://a"],
)
def test_what_is_no_origin_is_refused(given, text):
    given(text)
    with pytest.raises(SettingInvalid, match="NEXUS_X"):
        env.origins("NEXUS_X")


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("1_000", 1000), ("-5", -5)])
def test_whole_numbers(given, text, value):
    given(text)
    assert env.integer("NEXUS_X", 1, least=-10) == value


def test_a_range_of_ids_holds_both_ends_and_may_be_empty(given):
    given("60600-60855")
    assert env.ids("NEXUS_X", "") == range(60600, 60856)
    given("")
    assert not env.ids("NEXUS_X", "1000-1001")


@pytest.mark.parametrize("text", ["0-10", "999-1000", "2000-1000", "1000", "a-b", "1000-4294967295"])
def test_ids_that_are_no_ordinary_users_are_named(given, text):
    given(text)
    with pytest.raises(SettingInvalid, match="NEXUS_X"):
        env.ids("NEXUS_X", "")


@pytest.mark.parametrize("text", ["", "x", "1.5", "-1", "1e3", "٣", "1 ", "--1"])
def test_no_whole_number_is_named(given, text):
    given(text)
    with pytest.raises(SettingInvalid, match="NEXUS_X"):
        env.integer("NEXUS_X", 1)


def test_numbers_flags_and_choices_are_named_too(given):
    given("maybe")
    for read in (
        lambda: env.number("NEXUS_X", 1.0),
        lambda: env.flag("NEXUS_X"),
        lambda: env.choice("NEXUS_X", "a", ("a", "b")),
        lambda: env.database("NEXUS_X", ""),
    ):
        with pytest.raises(SettingInvalid, match="NEXUS_X"):
            read()


@pytest.mark.parametrize(("text", "value"), [("1", True), ("TRUE", True), ("on", True), ("0", False), ("", False)])
def test_flags(given, text, value):
    given(text)
    assert env.flag("NEXUS_X", not value) is value


def test_databases(given):
    given("sqlite:////var/nexus/a%20b.sqlite3")
    assert env.database("NEXUS_X", "")["NAME"] == "/var/nexus/a b.sqlite3"
    given("postgres://me:p%40ss@db.example:5433/nexus?sslmode=require")
    found = env.database("NEXUS_X", "")
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"]) == ("me", "p@ss", "db.example", "5433")
    assert (found["NAME"], found["OPTIONS"]) == ("nexus", {"sslmode": "require"})


def test_a_wrong_database_address_does_not_show_its_password(given):
    given("mysql://me:secret@db/nexus")
    with pytest.raises(SettingInvalid) as refused:
        env.database("NEXUS_X", "")
    assert "secret" not in str(refused.value)


S3 = {
    "NEXUS_S3_ENDPOINT": "https://s3.example.org:9000",
    "NEXUS_S3_ACCESS_KEY": "key",
    "NEXUS_S3_SECRET_KEY": "canary",
}


@pytest.fixture
def stored(monkeypatch):
    def read(value, **others):
        for name in ("NEXUS_S3_REGION", "NEXUS_S3_ADDRESSING", *S3):
            monkeypatch.delenv(name, raising=False)
        for name, text in {"NEXUS_X": value, **others}.items():
            monkeypatch.setenv(name, text)
        return env.storage("NEXUS_X", "NEXUS_X_OPTIONS", Path("/home/data"))

    return read


def test_storage_is_a_folder_by_default(stored):
    assert stored("") == {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": "/home/data"},
    }


def test_storage_is_a_bucket_with_prefix_and_credentials(stored, tmp_path):
    found = stored("s3://nexus-data/a/b", **S3)
    assert found["BACKEND"] == "datasets.storage.bucket.Bucket"
    wanted = {"bucket_name": "nexus-data", "location": "a/b", "addressing_style": "path", "region_name": "us-east-1"}
    assert wanted.items() <= found["OPTIONS"].items()
    (tmp_path / "secret").write_text("from the file\n")
    given = {**S3, "NEXUS_S3_SECRET_KEY": "", "NEXUS_S3_SECRET_KEY_FILE": str(tmp_path / "secret")}
    assert stored("s3://nexus-data", **given)["OPTIONS"]["secret_key"] == "from the file"


def test_at_aws_the_role_of_the_machine_may_stand_for_credentials(stored):
    options = stored("s3://nexus-data", NEXUS_S3_REGION="eu-central-1")["OPTIONS"]
    assert (options["endpoint_url"], options["access_key"], options["region_name"]) == (None, None, "eu-central-1")
    assert options["addressing_style"] == "auto"


def test_any_django_storage_can_be_named_with_its_options(stored):
    found = stored("django.core.files.storage.FileSystemStorage", NEXUS_X_OPTIONS='{"location": "/mnt/big"}')
    assert found == {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": "/mnt/big"},
    }


@pytest.mark.parametrize(
    ("value", "others", "named"),
    [
        ("s3://", {}, "NEXUS_X"),
        ("s3://Bucket", {}, "NEXUS_X"),
        ("s3://bucket//x", {}, "NEXUS_X"),
        ("s3://bucket/../x", {}, "NEXUS_X"),
        ("s3://bucket/x", {**S3, "NEXUS_S3_ENDPOINT": "ftp://x"}, "NEXUS_S3_ENDPOINT"),
        ("gs://bucket", {}, "NEXUS_X"),
        ("/mnt/data", {}, "NEXUS_X"),
        ("s3://bucket", {**S3, "NEXUS_S3_ENDPOINT": "s3.example.org"}, "NEXUS_S3_ENDPOINT"),
        ("s3://bucket", {**S3, "NEXUS_S3_SECRET_KEY": ""}, "NEXUS_S3_SECRET_KEY"),
        ("s3://bucket", {"NEXUS_S3_ENDPOINT": "https://x"}, "NEXUS_S3_ACCESS_KEY"),
        ("s3://bucket", {**S3, "NEXUS_S3_ADDRESSING": "dns"}, "NEXUS_S3_ADDRESSING"),
        ("a.Storage", {"NEXUS_X_OPTIONS": "[1]"}, "NEXUS_X_OPTIONS"),
        ("a.Storage", {"NEXUS_X_OPTIONS": "{"}, "NEXUS_X_OPTIONS"),
    ],
)
def test_a_storage_that_cannot_be_used_is_named_without_the_secret(stored, value, others, named):
    with pytest.raises(SettingInvalid, match=named) as caught:
        stored(value, **others)
    assert "canary" not in str(caught.value)


def test_a_bucket_without_its_packages_says_what_to_install(stored, monkeypatch):
    monkeypatch.setattr(env, "find_spec", lambda name: None)
    with pytest.raises(SettingInvalid, match=r"requirements/s3\.txt"):
        stored("s3://bucket", **S3)
