"""The checks of `nexus doctor`; each returns findings with a state (ok, warn, fail) and what to do."""

from __future__ import annotations

import base64
import os
import shutil
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradenexus.cli import config, credentials
from tradenexus.cli.client import Client, Cut
from tradenexus.cli.figures import size
from tradenexus.cli.invocation import minor, version

if TYPE_CHECKING:
    from tradenexus.cli.invocation import Invocation

SKEW_S = 2.0
PIECE = 2_000_000  # above the 1 MB that proxies allow unless told
NOWHERE = f"/v1/uploads/up_{'0' * 32}"  # an upload that is not there: the answer is 404, by the server itself
LEAST_FREE_BYTES = 1_000_000_000


@dataclass
class Finding:
    """One line of the doctor."""

    state: str
    check: str
    found: str
    fix: str = ""


def examine(nx: Invocation) -> list[Finding]:
    """Run all checks; those that need the server are left out when it cannot be reached."""
    token, source = credentials.token(nx.config)
    client = nx.connect(token)
    findings = [disk("disk for state", config.state_dir()), disk("disk here", Path.cwd())]
    try:
        findings += server(client)
        if findings[-1].state == "fail":
            return findings
        findings += [
            *ready(client),
            who(client, token, source),
            live(client),
            *body(client, token),
            *protections(client),
        ]
    finally:
        client.close()
    return findings


def disk(name: str, folder: Path) -> Finding:
    """Say how much room there is."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    state = "ok" if free >= LEAST_FREE_BYTES else "warn"
    return Finding(state, name, f"{size(free)} free at {folder}", "" if state == "ok" else "make room")


def server(client: Client) -> list[Finding]:
    """Say whether the server answers, in which version, and how far the clocks are apart."""
    before = time.time()
    try:
        answer = client.attempt("GET", "/healthz")
    except Cut as error:
        return [
            Finding(
                "fail",
                "server",
                f"{client.url}: {error}",
                "is it up? `make up`; other server: nexus config set url URL",
            )
        ]
    middle = (before + time.time()) / 2
    if not answer.ok or not isinstance(answer.body, dict):
        return [
            Finding(
                "fail",
                "server",
                f"{client.url} answered {answer.status}",
                "is this the address of a Trade Nexus server?",
            )
        ]
    theirs = str(answer.body.get("version") or "unknown")
    same = minor(theirs) == minor(version())
    found = [
        Finding(
            "ok" if same else "warn",
            "version",
            f"server {theirs}, nexus {version()}",
            "" if same else "update the older",
        )
    ]
    if answer.headers.get("date"):
        found.append(clock(parsedate_to_datetime(answer.headers["date"]).timestamp(), middle))
    return [*found, Finding("ok", "server", f"{client.url} is alive")]


def clock(theirs: float, ours: float) -> Finding:
    """Compare clocks; the server's Date header has whole seconds, so up to one second says nothing."""
    skew = max(0.0, abs(ours - theirs - 0.5) - 0.5)
    state = "ok" if skew <= SKEW_S else "warn"
    return Finding(
        state, "clock", f"{skew:.0f} s apart" if skew >= 1 else "same", "" if state == "ok" else "set the clocks by NTP"
    )


def ready(client: Client) -> list[Finding]:
    """Say whether the server would do work now."""
    answer = client.attempt("GET", "/readyz")
    checks = answer.body.get("checks", {}) if isinstance(answer.body, dict) else {}
    fixes = {"worker": "is a worker running? `make up` restarts it by itself", "disk": "make room at the server"}
    return [
        Finding(
            "ok" if good else "fail",
            f"ready: {name}",
            "ready" if good else "not ready",
            "" if good else fixes.get(name, ""),
        )
        for name, good in checks.items()
    ] or [Finding("warn", "ready", f"/readyz answered {answer.status}")]


def who(client: Client, token: str | None, source: str) -> Finding:
    """Say whose token this is and what it may do."""
    if not token:
        return Finding("fail", "token", "none", "nexus auth login")
    answer = client.attempt("GET", "/v1/me")
    if not answer.ok:
        return Finding("fail", "token", f"refused ({answer.status})", "nexus auth login")
    scopes = answer.body.get("scopes") or []
    missing = [scope for scope in ("read", "write", "publish") if scope not in scopes]
    fix = f"no {', '.join(missing)}: nexus key create with --scope" if missing else ""
    return Finding(
        "warn" if missing else "ok", "token", f"{answer.body.get('email')}, {' '.join(scopes)} (from {source})", fix
    )


def live(client: Client) -> Finding:
    """Say whether live updates (a websocket) get through; without them the pages poll."""
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Origin": client.url,
    }
    try:
        status = client.attempt("GET", "/ws/events", headers=headers, timeout_s=5).status
    except Cut as error:
        return Finding(
            "warn", "live updates", str(error), "a proxy must pass `Upgrade: websocket`; pages poll every 5 s"
        )
    if status in (101, 401, 403):
        return Finding("ok", "live updates", "the websocket answers")
    return Finding("warn", "live updates", f"/ws/events answered {status}", "a proxy must pass `Upgrade: websocket`")


def body(client: Client, token: str | None) -> list[Finding]:
    """Say whether what stands before the server lets a piece of an upload pass."""
    if not token:
        return []
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    try:
        answer = client.attempt("PATCH", NOWHERE, content=bytes(PIECE), headers=headers)
    except Cut as error:
        return [Finding("warn", "body size", f"{size(PIECE)}: {error}", "a proxy cuts uploads: raise its limits")]
    if answer.status == 413:
        fix = "allow 16 MB in the proxy (nginx: client_max_body_size 16m); uploads go in pieces of 1 MB until then"
        return [Finding("warn", "body size", f"{size(PIECE)} refused (413)", fix)]
    return [Finding("ok", "body size", f"{size(PIECE)} pass")]


def protections(client: Client) -> list[Finding]:
    """Say what the server reports of itself (GET /v1/doctor), when it has that page."""
    answer = client.attempt("GET", "/v1/doctor")
    if not answer.ok or not isinstance(answer.body, dict):
        return []
    items: Any = answer.body.get("items") or answer.body.get("checks") or []
    if isinstance(items, dict):
        items = [{"check": name, "found": value} for name, value in items.items()]
    return [
        Finding(
            str(i.get("state") or "ok"),
            f"server {i.get('check') or i.get('name')}",
            str(i.get("found", i.get("value"))),
            str(i.get("fix") or ""),
        )
        for i in items
    ]
