"""The operations desk in a browser: under the strict policy, in both schemes, and one deed from list to outcome."""

import pytest

pytestmark = pytest.mark.browser
OPERATOR = ("Local", "operator@localhost", "admin", True)
PAGES = {
    "operations-index": "/admin/",
    "operations-jobs": "/admin/jobs/job/",
    "operations-audit": "/admin/audit/entry/",
    "operations-versions": "/admin/datasets/datasetversion/",
    "operations-workers": "/admin/jobs/worker/",
    "operations-people": "/admin/tenancy/user/",
}


@pytest.fixture
def desk(visit):
    """The desk, opened by an operator."""
    return visit(OPERATOR)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_desk(desk, name):
    assert desk.go(PAGES[name], settle=False).status == 200
    desk.shoot(name)
    for phone, dark in ((False, False), (True, True)):
        desk.look(phone=phone, dark=dark)
        assert desk.barriers() == []
        assert desk.overflow() <= 0


def test_one_row_leads_to_its_deeds_and_into_the_product(desk, things):
    desk.go(f"/admin/jobs/job/?q={things['jobs']}", settle=False)  # the newest of all may be one without a page
    desk.page.locator("#result_list tbody th a").first.click()
    desk.page.get_by_role("heading", name="Deeds").wait_for()
    desk.shoot("operations-job")
    assert desk.complaints == []
    desk.expect_complaint("Applying inline style|CSP style-src-elem inline")  # axe's own copies of our style sheets
    assert desk.barriers() == []
    desk.page.get_by_role("link", name="View in product").click()
    desk.page.wait_for_url(f"**/jobs/{things['jobs']}/")


def test_a_deed_from_the_list_to_what_came_of_it(desk):
    desk.go("/admin/datasets/datasetversion/", settle=False)
    for box in desk.page.locator("#result_list tbody input[type=checkbox]").all()[:3]:
        box.check()
    desk.page.locator("select[name=action]").select_option("verify")
    desk.page.get_by_role("button", name="Go on").click()
    desk.page.get_by_label("Reason").wait_for()
    desk.shoot("operations-deed")
    assert desk.barriers() == []
    desk.page.get_by_label("Reason").fill("after the disk fault of Tuesday")
    desk.page.get_by_role("button", name="Verify checksums").click()
    desk.page.get_by_role("heading", name="What came of it").wait_for()
    desk.shoot("operations-done")
    assert desk.barriers() == []
    desk.look(phone=True)
    assert desk.overflow() <= 0
    assert "after the disk fault of Tuesday" in desk.page.inner_text("main, #content")
