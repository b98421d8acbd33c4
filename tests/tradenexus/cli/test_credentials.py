"""Tokens: kept private, sent only to the server they were made for, never printed."""

import json
import os
import sys
import types

from tests.kit.fakeplatform import TOKEN, FakePlatform
from tradenexus.cli import credentials


def test_login_keeps_the_token_for_its_owner_only_and_logout_forgets_it(platform, nexus, monkeypatch):
    monkeypatch.delenv("NEXUS_TOKEN")
    ran = nexus("auth", "login", "--with-token", given=TOKEN + "\n")
    assert ran.code == 0, ran.err
    assert os.stat(credentials.path()).st_mode & 0o777 == 0o600
    assert nexus("auth", "whoami", "--json").json["tokenFrom"] == "file"
    assert nexus("auth", "logout").code == 0
    assert nexus("auth", "whoami").code == 4


def test_login_remembers_the_server(platform, nexus, monkeypatch):
    url = platform.url
    monkeypatch.delenv("NEXUS_URL")
    monkeypatch.delenv("NEXUS_TOKEN")
    assert nexus("--profile", "pi", "--url", url, "auth", "login", "--with-token", given=TOKEN).code == 0
    assert nexus("--profile", "pi", "auth", "whoami", "--json").json["server"] == url
    assert nexus("auth", "whoami").code == 4


def test_a_refused_token_is_not_kept(platform, nexus):
    assert nexus("auth", "login", "--with-token", given="nx_wrong_one\n").code == 4
    assert not credentials.path().exists()


def test_an_empty_token_or_nobody_to_ask_is_refused(platform, nexus):
    assert nexus("auth", "login", "--with-token", given="\n").code == 4
    assert nexus("auth", "login", given="").code == 2


def test_the_token_of_one_server_is_not_sent_to_another(platform, nexus, monkeypatch):
    monkeypatch.delenv("NEXUS_TOKEN")
    nexus("auth", "login", "--with-token", given=TOKEN)
    with FakePlatform() as other:
        assert nexus("--url", other.url, "auth", "whoami").code == 4
        assert other.headers_seen == []


def test_a_project_file_cannot_draw_the_environments_token_to_its_server(platform, nexus, home, monkeypatch):
    monkeypatch.delenv("NEXUS_URL")
    with FakePlatform() as evil:
        (home / ".nexus.toml").write_text(f'url = "{evil.url}"\n')
        assert nexus("auth", "whoami").code == 4
        assert evil.headers_seen == []


def test_the_token_is_never_printed(platform, nexus, monkeypatch):
    secret = "nx_canary_" + "c" * 30
    monkeypatch.setenv("NEXUS_TOKEN", secret)
    for words in (["-v", "dataset", "list"], ["doctor"], ["config", "list"], ["--json", "auth", "whoami"]):
        ran = nexus(*words)
        assert secret not in ran.out + ran.err


def test_a_keyring_is_used_when_it_is_there(platform, nexus, monkeypatch):
    kept: dict[tuple[str, str], str] = {}
    fake = types.SimpleNamespace(
        get_keyring=lambda: types.SimpleNamespace(priority=5),
        set_password=lambda service, account, secret: kept.update({(service, account): secret}),
        get_password=lambda service, account: kept.get((service, account)),
        delete_password=lambda service, account: kept.pop((service, account)),
    )
    monkeypatch.setitem(sys.modules, "keyring", fake)
    monkeypatch.delenv("NEXUS_NO_KEYRING")
    monkeypatch.delenv("NEXUS_TOKEN")
    nexus("auth", "login", "--with-token", given=TOKEN)
    assert list(kept.values()) == [TOKEN]
    assert TOKEN not in json.dumps(json.loads(credentials.path().read_text()))
    assert nexus("auth", "whoami", "--json").json["tokenFrom"] == "keyring"
    nexus("auth", "logout")
    assert kept == {}
