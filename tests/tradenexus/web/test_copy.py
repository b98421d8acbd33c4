"""Commands to copy: what a terminal is told to do really does it, with any name and any address."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading

import pytest

from tradenexus.web import copy

BODY = b"PAR1" + bytes(range(256)) * 8 + b"PAR1"
QUERY = {"what": "canonical", "symbol": 'it\'s "BRK/B" $HOME &x', "empty": ""}


class _Answer(http.server.BaseHTTPRequestHandler):
    asked: list[tuple[str, str]] = []

    def do_GET(self):
        _Answer.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_):
        pass


@pytest.fixture
def served():
    """The address of a server that answers everything with the same bytes."""
    server = http.server.HTTPServer(("127.0.0.1", 0), _Answer)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("tongue", ["curl", "python"])
def test_a_download_ends_in_a_file_with_all_bytes(served, tmp_path, tongue):
    told = getattr(
        copy.download("/v1/datasets/ds_1/download", QUERY, "it's v1.parquet", "nexus dataset download"), tongue
    )
    run = ["sh", "-c", told] if tongue == "curl" else [sys.executable, "-c", told]
    env = {**os.environ, "NEXUS_URL": served, "NEXUS_TOKEN": "nx_secret"}
    subprocess.run(run, cwd=tmp_path, env=env, check=True, capture_output=True)
    assert (tmp_path / "it's v1.parquet").read_bytes() == BODY
    path, credential = _Answer.asked[-1]
    assert path == "/v1/datasets/ds_1/download?what=canonical&symbol=it%27s+%22BRK%2FB%22+%24HOME+%26x"
    assert credential == "Bearer nx_secret"


def test_no_command_holds_a_secret():
    for told in (copy.download("/x", QUERY, "f", "nexus x"), copy.commands("POST", "/x", {"a": 1}, cli="nexus x")):
        assert [label for label, _ in told.tongues] == ["curl", "CLI", "Python"]
        assert "nx_" not in told.curl + told.cli + told.python
