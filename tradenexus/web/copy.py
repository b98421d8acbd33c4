"""The same thing from a terminal: curl, command line and Python for a page or a form, never with a real secret."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

_CLIENT = (
    "import os, httpx\n"
    'client = httpx.Client(base_url=os.environ["NEXUS_URL"],\n'
    '    headers={"Authorization": f"Bearer {os.environ[\'NEXUS_TOKEN\']}"})\n'
)


@dataclass(frozen=True, slots=True)
class Commands:
    """One API call in three tongues; `cli` is empty where the command line has no such verb."""

    curl: str
    cli: str
    python: str

    @property
    def tongues(self) -> list[tuple[str, str]]:
        """(label, text) of those there are."""
        return [(k, v) for k, v in (("curl", self.curl), ("CLI", self.cli), ("Python", self.python)) if v]


def commands(
    method: str, path: str, body: Mapping[str, Any] | None = None, cli: str = "", query: Mapping[str, Any] | None = None
) -> Commands:
    """Return the commands for an API call; URL and credential are `$NEXUS_URL` and `$NEXUS_TOKEN`."""
    address = _address(path, query)
    return Commands(_curl(method, address, body), cli, _python(method, address, body))


def download(path: str, query: Mapping[str, Any], name: str, cli: str) -> Commands:
    """Return the commands that fetch bytes into a file of that name, piece by piece."""
    address = _address(path, query)
    curl = _curl("GET", address, None).replace("curl -sS", f"curl -sS -o {shlex.quote(name)}", 1)
    python = (
        f"{_CLIENT}"
        f"with client.stream('GET', {address!r}) as answer:\n"
        "    answer.raise_for_status()\n"
        f"    with open({name!r}, 'wb') as file:\n"
        "        for part in answer.iter_bytes():\n"
        "            file.write(part)"
    )
    return Commands(curl, cli, python)


def _address(path: str, query: Mapping[str, Any] | None) -> str:
    asked = {name: value for name, value in (query or {}).items() if value not in (None, "")}
    return f"{path}?{urlencode(asked, doseq=True)}" if asked else path


def _curl(method: str, address: str, body: Mapping[str, Any] | None) -> str:
    parts = ["curl -sS"]
    if method != "GET":
        parts.append(f"-X {method}")
    parts.append('-H "Authorization: Bearer $NEXUS_TOKEN"')
    if method == "POST":
        parts.append('-H "Idempotency-Key: $(uuidgen)"')
    if body is not None:
        parts += ['-H "Content-Type: application/json"', f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}"]
    return " \\\n  ".join([*parts, f'"$NEXUS_URL"{shlex.quote(address)}'])


def _python(method: str, address: str, body: Mapping[str, Any] | None) -> str:
    sent = f", json={body!r}" if body is not None else ""
    return (
        f"{_CLIENT}"
        f"answer = client.request({method!r}, {address!r}{sent})\n"
        "answer.raise_for_status()\n"
        "print(answer.json())"
    )
