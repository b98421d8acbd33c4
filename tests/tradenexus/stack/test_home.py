"""The home: secrets of its own, private files, one lock, a state file that is whole or absent, bounded logs."""

import stat

import pytest

from tradenexus.stack import home as homes
from tradenexus.stack.home import Home, HomeBusy


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "var")
    made.make()
    return made


def test_each_installation_makes_its_own_secrets_and_keeps_them(home, tmp_path):
    key = home.secret_key_file.read_text()
    home.make()
    other = Home(tmp_path / "other")
    other.make()
    assert home.secret_key_file.read_text() == key
    assert other.secret_key_file.read_text() != key
    assert len(key.strip()) >= 64
    assert home.agent_token_file.read_text() != key


def test_secrets_are_readable_by_their_owner_only(home):
    for path in (home.secret_key_file, home.agent_token_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700


def test_no_half_written_secret_is_left_beside(home):
    assert not [path for path in home.root.iterdir() if path.name.startswith(".")]


def test_lock_is_exclusive_and_freed_with_its_holder(home):
    import os

    descriptor = home.lock()
    assert home.is_locked()
    with pytest.raises(HomeBusy):
        home.lock()
    os.close(descriptor)
    assert not home.is_locked()


def test_state_of_a_dead_stack_is_not_believed(home):
    home.write_state({"url": "http://127.0.0.1:1"})
    assert home.read_state() == {}
    home.lock()
    assert home.read_state() == {"url": "http://127.0.0.1:1"}


def test_long_log_moves_aside_while_its_writer_goes_on(home, monkeypatch):
    monkeypatch.setattr(homes, "LOG_LIMIT_BYTES", 10)
    path = home.logs / "web.log"
    with path.open("ab", buffering=0) as writer:
        writer.write(b"a long line\n")
        home.trim_log("web")
        writer.write(b"next\n")
    assert path.read_bytes() == b"next\n"
    assert path.with_suffix(".log.1").read_bytes() == b"a long line\n"
