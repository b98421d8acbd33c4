"""The list of datasets in a browser: columns, views, actions on many; scripts under hashed names, kept for good."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.browser.visitor import PHONE, ROOT, WIDE

pytestmark = pytest.mark.browser
STRANGE = {"NEXUS_SECRET_KEY", "DATABASE_URL", "REDIS_URL"}
HASHED = re.compile(r"\.[0-9a-f]{12}\.m?js$")


_MANY = """
import sys, django; django.setup()
from datasets.models import Dataset, DatasetVersion
from tradenexus.tenancy.models import Membership
owner = Membership.everyone.get(user__email="you@localhost")
rows = [Dataset(tenant=owner.tenant, owner=owner.user, version=1, status="ready", name=f"{sys.argv[1]}-{number}")
        for number in range(int(sys.argv[2]))]
Dataset.everyone.bulk_create(rows)
DatasetVersion.everyone.bulk_create(
    DatasetVersion(tenant=owner.tenant, dataset=row, number=1, status="ready", operation="upload") for row in rows)
print(*(row.ref for row in rows))
"""


@pytest.fixture
def many(stack):
    """A function (name, count) -> ids of new datasets, ready and without rows."""

    def make(name: str, count: int) -> list[str]:
        own = {"NEXUS_HOME": str(stack.home.root), "NEXUS_SECRET_KEY_FILE": str(stack.home.secret_key_file)}
        env = {name: value for name, value in os.environ.items() if name not in STRANGE}
        env |= own | {"DJANGO_SETTINGS_MODULE": "tradenexus.settings"}
        words = [sys.executable, "-c", _MANY, name, str(count)]
        return subprocess.run(words, env=env, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()

    return make


def headings(page) -> list[str]:
    return [text.strip() for text in page.locator("thead th[scope=col]").all_inner_texts() if text.strip()]


def test_columns_are_chosen_and_kept(visit):
    visitor = visit()
    page = visitor.page
    visitor.go("/datasets/")
    usual = headings(page)
    visitor.shoot("datasets-list")
    page.locator(".ds-chooser > summary").click()
    page.get_by_label("Published").check()
    page.locator(".ds-chooser").get_by_label("Symbols").uncheck()
    visitor.shoot("datasets-columns")
    page.set_viewport_size(WIDE)
    page.get_by_role("button", name="Show these").click()
    page.wait_for_url("**/datasets/?*")
    assert "PUBLISHED" in [text.upper() for text in headings(page)]
    visitor.go("/datasets/")
    assert "SYMBOLS" not in [text.upper() for text in headings(page)]
    assert visitor.barriers() == []
    page.locator(".ds-chooser > summary").click()
    page.get_by_role("button", name="The usual ones").click()
    page.wait_for_load_state()
    visitor.go("/datasets/")
    assert headings(page) == usual


def test_columns_are_chosen_without_javascript(visit):
    visitor = visit(java_script_enabled=False)
    page = visitor.page
    page.goto(f"{visitor.base}/datasets/")
    page.locator(".ds-chooser > summary").click()
    page.locator(".ds-chooser").get_by_label("Size").uncheck()
    page.get_by_role("button", name="Show these").click()
    assert "SIZE" not in [text.upper() for text in headings(page)]
    page.locator(".ds-chooser > summary").click()
    page.get_by_role("button", name="The usual ones").click()
    assert "SIZE" in [text.upper() for text in headings(page)]


def test_filters_are_saved_as_a_view_and_opened(visit):
    visitor = visit()
    page = visitor.page
    visitor.go("/datasets/")
    page.get_by_label("Kind").select_option("bars")
    page.wait_for_url("**kind=bars**")
    visitor.settle()
    page.locator(".ds-views > summary").click()
    page.get_by_label("Save these filters as").fill("Bars of ours")
    visitor.shoot("datasets-views")
    page.set_viewport_size(WIDE)
    page.get_by_role("button", name="Save view").click()
    page.wait_for_url("**kind=bars**")
    assert page.locator(".ds-views > summary").inner_text().strip() == "Bars of ours"
    visitor.go("/datasets/views/")
    assert visitor.barriers() == []
    visitor.shoot("views")
    visitor.look(phone=True)
    assert visitor.overflow() <= 0
    page.get_by_role("link", name="Bars of ours").click()
    page.wait_for_url("**/datasets/?kind=bars")
    visitor.go("/datasets/views/")
    page.get_by_text("Change…").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("There is none yet").wait_for()


def test_many_are_archived_from_the_filter_not_the_page(visit, many, api):
    made = many("bulky", 103)  # more than one page
    api.delete(f"/v1/datasets/{made[0]}").raise_for_status()
    visitor = visit()
    page = visitor.page
    visitor.go("/datasets/?q=bulky")
    assert page.get_by_role("button", name="Archive…").is_disabled()
    page.get_by_label("Choose bulky-102").check()
    assert page.get_by_text("1 chosen on this page.").is_visible()
    page.get_by_label("Choose all rows of this page").check()
    assert page.get_by_text("100 chosen on this page.").is_visible()
    page.get_by_label("all 102 that match").check()
    page.get_by_role("button", name="Archive…").click()
    page.get_by_role("heading", name="Archive 102 datasets").wait_for()
    assert visitor.barriers() == []
    visitor.shoot("bulk-confirm")
    visitor.look(phone=True)
    assert visitor.overflow() <= 0
    page.get_by_role("button", name="Archive 102 datasets").click()
    page.wait_for_url("**/datasets/bulk/bulk_*/")
    page.get_by_text("Archive: done for 102 of 102.").wait_for(timeout=60_000)
    assert visitor.barriers() == []
    assert visitor.overflow() <= 0


def test_chosen_rows_stay_chosen_and_refusals_are_told(visit, many, api):
    _, second = many("chosen", 2)
    visitor = visit()
    page = visitor.page
    visitor.go("/datasets/?q=chosen")
    page.get_by_label("Choose chosen-0").check()
    page.get_by_label("Choose chosen-1").check()
    page.evaluate("document.getElementById('ds-list').dispatchEvent(new CustomEvent('nx:changed'))")
    page.wait_for_timeout(800)
    assert page.get_by_text("2 chosen on this page.").is_visible()
    page.get_by_role("button", name="Re-validate…").click()
    assert page.get_by_role("button", name="Re-validate 0 datasets").is_disabled()
    page.go_back()
    page.get_by_role("button", name="Archive…").click()
    page.get_by_role("heading", name="Archive 2 datasets").wait_for()
    api.delete(f"/v1/datasets/{second}").raise_for_status()  # somebody was faster
    page.get_by_role("button", name="Archive 2 datasets").click()
    page.get_by_text("done for 1 of 2. 1 was refused").wait_for(timeout=30_000)
    page.get_by_role("link", name=re.compile("Refused")).click()
    page.get_by_text("is archived and cannot").wait_for()
    visitor.shoot("bulk-refused")


def test_a_viewer_sees_no_boxes(visit):
    visitor = visit(("Local", "looker@example.org", "viewer"))
    visitor.go("/datasets/")
    assert visitor.page.locator("input[name=id]").count() == 0


@pytest.mark.parametrize("path", ["/uploads/new/", "/datasets/{stocks}/chart/", "/datasets/{tape}/lineage/"])
def test_every_script_comes_under_a_hashed_name_and_is_kept_for_good(visit, things, path):
    visitor = visit()
    headers = {}
    visitor.page.on("response", lambda answer: headers.update({answer.url: answer.headers.get("cache-control", "")}))
    visitor.go(path.format(**things))
    scripts = {url.partition("?")[0]: kept for url, kept in headers.items() if re.search(r"\.m?js(\?|$)", url)}
    assert len(scripts) > 5
    assert [url for url in scripts if not HASHED.search(url)] == []
    assert set(scripts.values()) == {"max-age=315360000, public, immutable"}


def test_on_a_phone_filters_are_a_sheet_that_says_how_many_are_in_force(visit):
    visitor = visit(phone=True)
    page = visitor.page
    visitor.go("/datasets/")
    assert not page.get_by_label("Kind").is_visible()
    page.get_by_role("link", name="Filters").click()
    visitor.shoot("datasets-filters")
    page.set_viewport_size(PHONE)
    page.get_by_label("Kind").select_option("bars")
    page.wait_for_url(re.compile(r"kind=bars.*#filters$"))
    page.locator(".sheet").get_by_label("Resolution").select_option("1d")
    page.wait_for_url(re.compile(r"kind=bars.*resolution=1d.*#filters$"))
    assert visitor.barriers() == []
    assert visitor.overflow() <= 0
    page.keyboard.press("Escape")
    page.get_by_label("Kind").wait_for(state="hidden")
    assert page.locator(".sheet-open").inner_text().split()[:2] == ["Filters", "2"]


def test_the_sheet_needs_no_javascript_and_back_closes_it(visit):
    visitor = visit(phone=True, java_script_enabled=False)
    page = visitor.page
    for path, field in (("/jobs/", "Kind"), ("/audit/", "Object")):
        page.goto(visitor.base + path)
        page.get_by_role("link", name="Filters").click()
        assert page.get_by_label(field).is_visible()
        page.go_back()
        assert not page.get_by_label(field).is_visible()
    page.goto(f"{visitor.base}/jobs/?kind=dataset.validate&state=succeeded#filters")
    page.get_by_role("link", name="Close").click()
    assert page.locator(".sheet-open").inner_text().split()[:2] == ["Filters", "1"]
