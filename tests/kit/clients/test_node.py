"""Where the clients cannot be installed it is said why, and nothing counts as installed."""

from __future__ import annotations

import pytest

from tests.kit.clients import node


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Nothing is installed yet, and no program can be found."""
    monkeypatch.setattr(node, "FOLDER", tmp_path / "build" / "clients")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def npm(folder, *lines: str) -> None:
    program = folder / "bin" / "npm"
    program.write_text("\n".join(["#!/bin/sh", *lines]))
    program.chmod(0o755)


def test_without_npm_it_says_so(folder):
    with pytest.raises(node.CannotInstall, match="no npm"):
        node.install()


def test_a_failed_installation_is_told_with_npms_own_words_and_tried_again(folder):
    npm(folder, "echo 'no such host' >&2", "exit 7")
    with pytest.raises(node.CannotInstall, match=r"\(7\): no such host"):
        node.install()
    npm(folder, 'echo "$@" >> calls')
    installed = node.install()
    assert node.install() == installed
    assert (installed.parent / "calls").read_text() == "ci --loglevel=error\n"


def test_another_lock_file_installs_anew(folder):
    npm(folder, "echo again >> calls")
    installed = node.install()
    (installed.parent / "installed").write_text("of another lock file")
    node.install()
    assert (installed.parent / "calls").read_text() == "again\n" * 2
