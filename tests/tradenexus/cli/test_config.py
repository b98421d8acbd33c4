"""Settings: the order flag, environment, project, profile, default; and that a bad one is named with its origin."""

import os

import pytest

from tradenexus.cli import config
from tradenexus.cli.failures import Usage


@pytest.fixture
def file():
    path = config.config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def value(key, **flags):
    found = config.load({"url": None, "profile": None, "tz": None, "output": None, **flags})
    return found[key], found.origin(key).split()[0]


def test_the_order_is_flag_environment_project_profile_default(file, home, monkeypatch):
    assert value("url") == ("http://127.0.0.1:8000", "default")
    file.write_text('[profiles.default]\nurl = "http://profile"\n')
    assert value("url") == ("http://profile", "profile")
    (home / ".nexus.toml").write_text('url = "http://project"\n')
    assert value("url") == ("http://project", "project")
    monkeypatch.setenv("NEXUS_URL", "http://environment")
    assert value("url") == ("http://environment", "environment")
    assert value("url", url="http://flag") == ("http://flag", "flag")


def test_the_project_file_of_a_folder_above_counts(home, monkeypatch):
    (home / ".nexus.toml").write_text('tz = "local"\n')
    below = home / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert value("tz") == ("local", "project")


def test_profiles_are_chosen_by_flag_then_environment_then_project_then_file(file, home, monkeypatch):
    file.write_text('default_profile = "d"\n' + "".join(f'[profiles.{n}]\nurl = "http://{n}"\n' for n in "adepf"))
    assert value("url")[0] == "http://d"
    (home / ".nexus.toml").write_text('profile = "p"\n')
    assert value("url")[0] == "http://p"
    monkeypatch.setenv("NEXUS_PROFILE", "e")
    assert value("url")[0] == "http://e"
    assert value("url", profile="f")[0] == "http://f"


@pytest.mark.parametrize(("key", "bad"), [("tz", "Mars"), ("output", "xml"), ("url", "ftp://x"), ("retry_s", "soon")])
def test_a_bad_value_is_refused_with_its_origin(file, key, bad):
    file.write_text(f'[profiles.default]\n{key} = "{bad}"\n')
    with pytest.raises(Usage) as caught:
        value("url")
    assert "profile default" in caught.value.why


def test_an_unknown_profile_is_refused_with_the_known_ones(file):
    file.write_text('[profiles.pi]\nurl = "http://pi"\n')
    with pytest.raises(Usage) as caught:
        value("url", profile="pu")
    assert "pi" in caught.value.why


def test_a_file_that_is_not_toml_is_named(file):
    file.write_text("[profiles\n")
    with pytest.raises(Usage, match=r"config\.toml"):
        value("url")


def test_set_keeps_the_rest_and_any_text(file, nexus):
    file.write_text('default_profile = "pi"\n\n[profiles.pi]\nurl = "http://pi"\ntz = "local"\n')
    assert nexus("--profile", 'a "b".c', "config", "set", "url", "http://x/\\n").code == 0
    assert nexus("config", "set", "retry_s", "9").code == 0
    found = config.load({"profile": "pi"})
    assert (found["url"], found["tz"], found["retry_s"]) == ("http://pi", "local", "9")
    assert config.load({"profile": 'a "b".c'})["url"] == "http://x/\\n"
    assert os.stat(file).st_mode & 0o777 == 0o600


def test_set_refuses_a_bad_value_and_writes_nothing(file, nexus):
    assert nexus("config", "set", "tz", "Mars").code == 2
    assert nexus("config", "set", "colour", "red").code == 2
    assert not file.exists()


def test_list_shows_the_origin_and_never_the_token(nexus, monkeypatch):
    monkeypatch.setenv("NEXUS_TOKEN", "nx_canary_secret")
    ran = nexus("config", "list", "--show-origin")
    assert "token\tset\tenvironment" in ran.out
    assert "canary" not in ran.out + ran.err
    assert nexus("config", "get", "tz").out == "UTC\n"
    assert nexus("config", "path").out.strip() == str(config.config_path())
