"""Settings from the environment: typed, and what cannot be used is named."""

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
