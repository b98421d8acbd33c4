"""Debian's Chromium against one real stack with the demo's content; left out, by name, where there is no Chromium."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.browser import failures, replayed
from tests.browser.visitor import WAIT_MS, Visitor
from tests.kit import killer
from tests.kit.stack import ROOT, Stack

CHROMIUM = os.environ.get("NEXUS_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]
ME = ("Local", "you@localhost", "admin")
BROKEN = ("Broken", "unlucky@example.org", "admin")
OWN_SETTINGS = ("NEXUS_SECRET_KEY", "DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
OPERATOR = """
import json, sys, django
django.setup()
from django.core.management import call_command
for number, line in enumerate(sys.stdin):  # a key of the same name would be replaced
    call_command("bootstrap", key_name=f"browser {number}", json=True, **json.loads(line))
    sys.stdout.flush()
"""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser, one for all tests."""
    if not CHROMIUM:
        pytest.skip("LEFT OUT: no chromium on this machine (apt-get install chromium, or set NEXUS_CHROMIUM)")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def stack(chromium, tmp_path_factory) -> Iterator[Stack]:
    """A stack on which the demo's story was told, with a vendor that replays files."""
    home = tmp_path_factory.mktemp("browser") / "home"
    vendor = replayed.manifest(tmp_path_factory.mktemp("replayed"))
    given = {"NEXUS_PROVISIONAL_BYTES": str(256 << 20), "NEXUS_REPLAY_MANIFEST": vendor}  # a look from 4 MiB on
    given["NEXUS_LAKE_DIFF_ROWS"] = "50000"  # a larger diff is a job
    one = Stack(home, rows=40_000, **given)
    try:
        one.told, _ = killer.tell(one)
        yield one
    finally:
        one.end()


@pytest.fixture(scope="session")
def bootstrap(stack) -> Iterator[Callable[..., dict[str, Any]]]:
    """A function (tenant, email, role, staff) -> key and one-time link; the command stays running."""
    kept = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
    env = {**kept, "NEXUS_HOME": str(stack.home.root), "NEXUS_SECRET_KEY_FILE": str(stack.home.secret_key_file)}
    env["DJANGO_SETTINGS_MODULE"] = "tradenexus.settings"
    pipe = subprocess.PIPE
    operator = subprocess.Popen([sys.executable, "-c", OPERATOR], env=env, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)

    def make(tenant: str, email: str, role: str = "admin", staff: bool = False) -> dict[str, Any]:
        person = {"tenant": tenant, "user": email, "role": role, "staff": staff}
        operator.stdin.write(json.dumps(person) + "\n")
        operator.stdin.flush()
        return json.loads(operator.stdout.readline())

    yield make
    operator.stdin.close()
    operator.wait(30)


@pytest.fixture(scope="session")
def link(stack, bootstrap) -> Callable[..., str]:
    """A function (tenant, email, role, staff) -> the address of a fresh one-time link, as an operator makes it."""
    return lambda *person: stack.state["url"] + bootstrap(*person)["loginPath"]


@pytest.fixture(scope="session")
def signed_in(chromium, link) -> Callable[..., dict[str, Any]]:
    """A function (tenant, email, role) -> the cookies of that person, signed in once by link."""
    kept: dict[tuple[str, ...], dict[str, Any]] = {}

    def cookies(*person: str) -> dict[str, Any]:
        if person not in kept:
            context = chromium.new_context()
            page = context.new_page()
            page.goto(link(*person))
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url("**/")
            kept[person] = context.storage_state()
            context.close()
        return kept[person]

    return cookies


@pytest.fixture
def visit(chromium, stack, signed_in) -> Iterator[Callable[..., Visitor]]:
    """A function that opens the product as somebody; at the end no page may have complained."""
    visitors: list[Visitor] = []

    def open_as(person: tuple[str, ...] | None = ME, **looks: Any) -> Visitor:
        state = signed_in(*person) if person else None
        visitors.append(Visitor(chromium, stack.state["url"], state, **looks))
        return visitors[-1]

    yield open_as
    complaints = [line for visitor in visitors for line in visitor.close()]
    assert complaints == []


@pytest.fixture(scope="module")
def tour(chromium, stack, signed_in) -> Iterator[Callable[..., Visitor]]:
    """A function that returns one window a person and module: its cache stays warm. Ask it what was complained of."""
    visitors: dict[Any, Visitor] = {}

    def window(person: tuple[str, ...] | None = ME) -> Visitor:
        if person not in visitors:
            visitors[person] = Visitor(chromium, stack.state["url"], signed_in(*person) if person else None)
        visitors[person].look()
        return visitors[person]

    yield window
    for visitor in visitors.values():
        visitor.close()


@pytest.fixture(scope="session")
def broken(stack, bootstrap, tmp_path_factory) -> dict[str, str]:
    """A workspace in which everything failed: the addresses of what is left, by name."""
    key = bootstrap(*BROKEN)["key"]
    return failures.make(stack.state, key, tmp_path_factory.mktemp("broken"))


@pytest.fixture(scope="session")
def api(stack) -> Iterator[httpx.Client]:
    """The API with the key of the person at this machine."""
    headers = {"Authorization": f"Bearer {stack.key}"}
    with httpx.Client(base_url=stack.state["url"], headers=headers, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def things(api) -> dict[str, str]:
    """The demo's things by name: ids as they stand in addresses."""
    datasets = {item["name"]: item["id"] for item in api.get("/v1/datasets").json()["items"]}
    newest = {noun: api.get(f"/v1/{noun}").json()["items"][0]["id"] for noun in ("jobs", "backtests", "publications")}
    upload = api.get("/v1/uploads", headers={"Accept": "application/json"}).json()["items"][0]["id"]
    return {"tape": datasets["simulated-trades"], "stocks": datasets["us-daily-stocks"], "upload": upload, **newest}
