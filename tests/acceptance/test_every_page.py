"""Every page against every kind of visitor, generated from the URL table: a new page is held to the same rules."""

from __future__ import annotations

import re
import uuid

import pytest
from django.urls import get_resolver

from datasets.models import DatasetVersion
from tests.acceptance import test_every_route
from tradenexus import ids
from tradenexus.audit.models import Entry
from tradenexus.web.page import Page

pytestmark = pytest.mark.django_db
everything = test_every_route.things

# What a page's `ref` is, by the first part of its address.
KINDS = {"datasets": "ds", "uploads": "up", "jobs": "job", "backtests": "bt", "publishes": "pub", "settings": "key"}
DEEPER = {"publishes/_version/": "dsv", "datasets/views/": "view", "datasets/bulk/": "bulk", "exports/": "exp"}
DEEPER |= {"lakehouse/quarantine/": "qrt", "lakehouse/instruments/<name>": "ins", "lakehouse/<table>": "lke"}
DEEPER = {"lakehouse/repairs/": "rpr"} | DEEPER | {"lakehouse/snapshots/": "snap"}
DEEPER |= {"lakehouse/snapshots/": "snap", "lakehouse/ingests/": "ing"}
DEEPER |= {"lakehouse/snapshots/": "snap", "lakehouse/commits/": "cmt"}
OPEN = {"login/", "login/link/<token>/", "logout/", "settings/", "healthz", "readyz"}
# What the owner may rightly be told 404 or 409: there is no such part of this thing (yet).
MAY_BE_ABSENT = ("rejects", "accept/", "export/", "diff/", "quality/", "_sniff/", "sniff/", "sample/", "validate/")
MAY_BE_ABSENT += ("suspects/",)
CALLS_THE_PROVIDER = {"publishes/mapping/_global/"}
HTMX = {"HX-Request": "true"}


def pages() -> dict[str, type]:
    found = {}
    for whole, pattern in test_every_route._leaves(get_resolver().url_patterns, ""):
        path = re.sub(r"<\w+:(\w+)>", r"<\1>", whole)
        if not path.startswith(("v1/", "admin/", "^")) and path not in OPEN:
            found[path] = getattr(pattern.callback, "view_class", pattern.callback)
    return found


PAGES = pages()
OF_ONE = [path for path in PAGES if {"<ref>", "<name>", "<instrument>"} & set(re.findall("<[a-z]+>", path))]
ACTING = [path for path, view in PAGES.items() if hasattr(view, "post")]


def address(path: str, ref: str) -> str:
    path = path.replace("<table>/<instrument>", ref).replace("<name>", ref)
    values = {"ref": ref, "number": "1", "span": "1...1", "token": "x", "tab": "trades"}
    return "/" + re.sub(r"<(\w+)>", lambda match: values.get(match[1], "1"), path)


def kind(path: str) -> str:
    for beginning, prefix in DEEPER.items():
        if path.startswith(beginning):
            return prefix
    return KINDS.get(path.partition("/")[0], "")


@pytest.fixture
def things(everything, owner):
    version = DatasetVersion.of(owner.tenant.id).get(dataset_id=ids.decode("ds", everything["ds"]))
    return everything | {"dsv": version.ref}


@pytest.fixture
def visit(client, things):
    """A function (person, path, method) -> answer, about the owner's things."""

    def ask(person, path, method="get", ref=None, **headers):
        if person:
            client.force_login(person.user)
        return getattr(client, method)(address(path, ref or things.get(kind(path), "")), headers=headers)

    return ask


def test_every_page_is_one_of_the_frame():
    assert [path for path, view in PAGES.items() if not (isinstance(view, type) and issubclass(view, Page))] == []


@pytest.mark.parametrize("path", PAGES)
def test_nobody_is_asked_to_sign_in(visit, path):
    answer = visit(None, path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/?next=/")


@pytest.mark.parametrize("path", ACTING)
def test_nobody_does_anything(visit, path, owner):
    before = Entry.of(owner.tenant.id).count()
    assert visit(None, path, "post").status_code in {302, 401, 403}
    assert Entry.of(owner.tenant.id).count() == before


@pytest.mark.parametrize("path", OF_ONE)
def test_anothers_thing_looks_exactly_like_an_unknown_one(visit, stranger, things, path):
    unknown = test_every_route.NAMED.get(kind(path)) or ids.encode(kind(path), uuid.uuid4())
    theirs = things[kind(path)]
    method = "post" if _acts_only(PAGES[path]) else "get"
    answers = [visit(stranger, path, method, ref) for ref in (theirs, unknown)]
    assert [answer.status_code for answer in answers] == [404, 404]
    told = [_told(answer, ref) for answer, ref in zip(answers, (theirs, unknown), strict=True)]
    assert told[0] == told[1]


@pytest.mark.parametrize("path", [path for path in ACTING if kind(path) != "key"])
def test_a_viewer_changes_nothing(visit, viewer, path):
    before = Entry.of(viewer.tenant.id).count()
    answer = visit(viewer, path, "post")
    assert answer.status_code < 500
    assert Entry.of(viewer.tenant.id).count() == before


@pytest.mark.parametrize("path", PAGES)
def test_a_viewer_may_look(visit, viewer, path):
    assert visit(viewer, path).status_code not in {401, 500}


@pytest.mark.parametrize("path", [path for path in PAGES if path not in CALLS_THE_PROVIDER])
def test_the_owner_gets_a_whole_page(visit, owner, path):
    answer = visit(owner, path)
    absent = any(part in path for part in MAY_BE_ABSENT)
    assert answer.status_code in ({200, 303, 404, 405, 409, 422} if absent else {200, 303, 405}), answer.content[:500]
    assert answer["Cache-Control"] in {"private, no-store", "private, no-cache"}
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "HX-Request" in answer.get("Vary", "")
    if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
        _is_sound(answer, whole="/_" not in f"/{path}")


@pytest.mark.parametrize("path", PAGES)
def test_htmx_gets_no_second_frame(visit, owner, path):
    answer = visit(owner, path, **HTMX)
    fragment = getattr(PAGES[path], "fragment", None)
    if answer.status_code == 200 and fragment:
        assert b"<html" not in answer.content


def _is_sound(answer, whole: bool) -> None:
    """No script or style in the page, a title, one heading, labelled tables."""
    text = answer.content.decode()
    assert "<style" not in text
    assert not re.search(r"<[^>]*\sstyle=", text)
    assert not re.search(r"<[^>]*\son[a-z]+=", text)
    assert all("src=" in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert text.count("<table") == text.count("<caption")
    policy = answer["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    if whole:
        assert re.search(r"<title>[^<]+ - Trade Nexus</title>", text)
        assert text.count("<h1") == 1


def _acts_only(view: type) -> bool:
    return not (view.template or view.fragment) and view.get is Page.get


def _told(answer, ref: str) -> str:
    text = answer.content.decode().replace(ref, "REF")
    return re.sub(r"[0-9a-f]{32}|[A-Za-z0-9]{64}", "ID", text.replace(ref[:12], "REF"))
