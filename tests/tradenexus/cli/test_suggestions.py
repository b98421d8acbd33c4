"""Completion: commands, options and the names of datasets; silent and quick when there is no server."""

import os
import subprocess
import sys
import time

from tests.kit.fakeplatform import TOKEN


def completed(line, **more):
    """Return what bash would be offered for a line."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "_NEXUS_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        **more,
    }
    code = "from tradenexus.cli.main import app; app(prog_name='nexus')"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.split()


def test_nouns_verbs_and_options_are_completed():
    assert completed("nexus data") == ["dataset"]
    assert set(completed("nexus dataset ")) >= {"list", "show", "download"}
    assert "--symbols" in completed("nexus dataset download --sy")


def test_names_of_datasets_are_completed_and_remembered(platform):
    platform.dataset("btc-trades")
    platform.dataset("eth-trades")
    assert completed("nexus dataset show bt") == ["btc-trades"]
    calls = len(platform.headers_seen)
    assert completed("nexus validate e") == ["eth-trades"]
    assert len(platform.headers_seen) == calls


def test_without_a_server_there_is_nothing_and_it_does_not_wait():
    began = time.monotonic()
    assert completed("nexus dataset show b", NEXUS_URL="http://127.0.0.1:9", NEXUS_TOKEN=TOKEN) == []
    assert time.monotonic() - began < 20


def test_scripts_are_printed_for_each_shell(nexus):
    for shell in ("bash", "zsh", "fish", "powershell"):
        assert "NEXUS_COMPLETE" in nexus("completion", shell).out
    assert nexus("completion", "tcsh").code == 2
