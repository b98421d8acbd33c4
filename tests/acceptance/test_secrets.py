"""A secret stays in its slot: no log, job row, error, audit export or database of a whole run holds one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.kit.stack import ROOT
from tests.lona.sandbox.process import wait_for
from tradenexus.stack.terminal import CommandFailed

pytestmark = pytest.mark.timeout(400)  # the first one tells the story
PASSWORD = "canary-password-0b9d7a54"
KEY = "nx_canary01_c4n4ryc4n4ryc4n4ryc4n4ryc4n4ry"


@pytest.fixture(scope="module")
def secrets(told):
    """The secret of each slot of a stack on which the story was told, and some that people mistyped since."""
    home = told.stack.home
    printed = told.stack.terminal.read_text()
    link = re.search(r"http://\S+/([\w-]{20,})/?\s", printed)
    assert link, printed
    made = json.loads(call(told, "POST", "/v1/keys", json={"name": "canary", "scopes": ["read"]}).text)
    return {
        "API key": home.api_key_file.read_text().strip(),
        "API key made over the API": made["secret"],
        "login link": link[1],
        "Lona token": home.agent_token_file.read_text().strip(),
        "secret key": home.secret_key_file.read_text().strip(),
        "mistyped password": PASSWORD,
        "mistyped key": KEY.rpartition("_")[2],
    }


def call(told, method, path, key=None, **more):
    headers = {"Authorization": f"Bearer {key or told.stack.key}"}
    return httpx.request(method, f"{told.stack.state['url']}{path}", headers=headers, timeout=30, **more)


@pytest.fixture(scope="module")
def refusals(told, secrets):
    """Answers of every kind of failure, to callers who put secrets where they do not belong."""
    link, key = secrets["login link"], secrets["API key"]
    answers = [
        call(told, "GET", "/v1/me", KEY),
        call(told, "GET", "/v1/me", f"{key}x"),
        call(told, "GET", f"/v1/datasets/{key}"),
        call(told, "GET", "/v1/datasets?state=nothing"),
        call(told, "POST", "/v1/keys", json={"scopes": "all"}),
        call(told, "POST", "/v1/datasets/uploads:init", content=b"{not json"),
        call(told, "POST", "/v1/strategies", secrets["API key made over the API"], json={}),
        call(told, "PATCH", "/v1/uploads/up_00000000000000000000000000000000"),
        httpx.get(f"{told.stack.state['url']}/login/link/{link}/more", timeout=30),
        httpx.post(f"{told.stack.state['url']}/login/link/{link}/", timeout=30),  # without a CSRF token
    ]
    with httpx.Client(base_url=told.stack.state["url"], timeout=30) as person:
        person.get("/login/")
        form = {"username": "you@localhost", "password": PASSWORD}
        form["csrfmiddlewaretoken"] = next((c.value for c in person.cookies.jar if "csrf" in c.name), "")
        answers.append(person.post("/login/", data=form, headers={"Referer": told.stack.state["url"]}))
    with pytest.raises(CommandFailed) as failed:
        told.story.nexus("dataset", "show", "nothing-of-this-name")
    return [answer.text for answer in answers[:2] + answers[3:]] + [str(failed.value)]


def test_no_file_of_the_run_holds_a_secret(told, secrets, refusals):
    home = told.stack.home
    slots = {home.api_key_file, home.sign_in_file, home.agent_token_file, home.secret_key_file}
    files = [path for path in home.root.rglob("*") if path.is_file() and path not in slots]
    assert home.root / "nexus.sqlite3" in files
    assert {path.name for path in files} >= {"web.log", "worker.log", "lona.log"}
    assert hits(secrets, {str(path.relative_to(home.root)): path.read_bytes() for path in files}) == []


def test_no_error_holds_a_secret(secrets, refusals):
    assert hits(secrets, {f"answer {number}": text.encode() for number, text in enumerate(refusals)}) == []


def test_neither_audit_export_nor_job_nor_its_log_holds_a_secret(told, secrets, refusals):
    shown = {"audit export": call(told, "GET", "/v1/audit/export").content}
    for job in call(told, "GET", "/v1/jobs?limit=200").json()["items"]:
        shown[job["id"]] = call(told, "GET", f"/v1/jobs/{job['id']}").content
        shown[f"{job['id']} log"] = call(told, "GET", f"/v1/jobs/{job['id']}/log").content
    for path in ("/v1/me", "/v1/keys", "/v1/publications", "/v1/backtests", "/v1/overview", "/readyz"):
        shown[path] = call(told, "GET", path).content
    assert len(shown) > 10
    assert hits(secrets, shown) == []


def test_the_terminal_shows_the_login_link_once_and_nothing_else(told, secrets):
    printed = told.stack.terminal.read_text()
    assert printed.count(secrets["login link"]) == 1
    others = {slot: secret for slot, secret in secrets.items() if slot != "login link"}
    assert hits(others, {"terminal": printed.encode()}) == []


def test_no_process_shows_a_secret_on_its_command_line(told, secrets):
    lines = {}
    for pid in told.stack.ours():
        lines[str(pid)] = Path(f"/proc/{pid}/cmdline").read_bytes()
    assert hits(secrets, lines) == []


@pytest.mark.parametrize(
    "command", [["migrate"], ["worker"], ["bootstrap", "--tenant", "T", "--user", "a@example.org"]]
)
def test_a_database_that_is_away_does_not_tell_its_password(tmp_path, command):
    pytest.importorskip("psycopg", reason="no PostgreSQL driver")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NEXUS_", "DJANGO_"))}
    environment |= {
        "DJANGO_SETTINGS_MODULE": "tradenexus.settings",
        "NEXUS_HOME": str(tmp_path),
        "NEXUS_SECRET_KEY": f"{PASSWORD}-as-long-as-a-key-must-be-0123456789-abcdefghij",
        "DATABASE_URL": f"postgres://nexus:{PASSWORD}@127.0.0.1:9/nexus",
        "REDIS_URL": f"redis://:{PASSWORD}@127.0.0.1:9/0",
    }
    output = tmp_path / "said"
    with output.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=environment, stdout=out, stderr=out
        )
    try:
        # A worker goes on and tries again; the others give up by themselves.
        wait_for(lambda: b"port 9 failed" in output.read_bytes(), "a word about the connection", 60)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert hits({"password": PASSWORD}, {"output": output.read_bytes()}) == []


def hits(secrets: dict[str, str], places: dict[str, bytes]) -> list[str]:
    """Return where a secret was found: only its slot is named."""
    found = [
        f"{slot} in {name}"
        for slot, secret in secrets.items()
        for name, content in places.items()
        if secret.encode() in content
    ]
    return sorted(found)
