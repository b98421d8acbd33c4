"""Every tab of a dataset, plain and pinned, whole and as a fragment, for its people and nobody else."""

import pytest

from tests.kit import factories

pytestmark = pytest.mark.django_db
TABS = (
    "",
    "preview/",
    "chart/",
    "coverage/",
    "quality/",
    "lineage/",
    "versions/",
    "publish/",
    "activity/",
    "_head/",
    "_columns/",
)
FORMS = ("validate/", "candles/", "archive/")


def addresses(version):
    one = f"/datasets/{version.dataset.ref}/"
    pinned = f"{one}v/{version.number}/"
    yield from (one + tab for tab in TABS)
    yield from (pinned + tab for tab in (*TABS, *FORMS))


def test_every_tab_answers_whole_and_as_a_fragment(owner, browse, reported):
    browser = browse(owner)
    for address in addresses(reported):
        whole = browser.get(address)
        part = browser.get(address, HTTP_HX_REQUEST="true")
        assert (whole.status_code, part.status_code) == (200, 200), address
        assert b"<html" not in part.content, address
        assert "HX-Request" in whole["Vary"]


def test_a_stranger_finds_nothing_and_an_anonymous_reader_signs_in(stranger, client, browse, reported):
    browser = browse(stranger)
    for address in addresses(reported):
        assert browser.get(address).status_code == 404, address
        assert client.get(address)["Location"].startswith("/login/"), address


def test_a_version_without_rows_says_why_and_what_makes_them(owner, browse):
    version = factories.version_in(owner, "uploaded")
    browser = browse(owner)
    for address in addresses(version):
        assert browser.get(address).status_code == 200, address
    text = browser.get(f"/datasets/{version.dataset.ref}/preview/").content.decode()
    assert "Not validated yet" in text
    assert f"/v/{version.number}/validate/" in text


def test_names_from_outside_are_escaped_everywhere(owner, browse):
    nasty = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    version = factories.version_in(owner, "validation_failed", name=nasty, status_reason=nasty, symbols=[nasty])
    browser = browse(owner)
    for address in [*addresses(version), "/datasets/", "/datasets/_home/", f"/datasets/?q={nasty}"]:
        text = browser.get(address).content.decode()
        assert not any(tag in text for tag in ("<img src=x", "<script>alert")), address


def test_an_old_version_says_that_it_is_old(owner, browse, bars):
    text = browse(owner).get(f"/datasets/{bars.dataset.ref}/v/1/").content.decode()
    assert "always shows version 1" in text


def test_a_version_that_is_not_there_is_not_found(owner, browse, bars):
    browser = browse(owner)
    for end in ("v/7/", "v/7/preview/", "diff/1...7", "v/99999999999999999999/"):
        assert browser.get(f"/datasets/{bars.dataset.ref}/{end}").status_code in (400, 404), end


def test_the_head_alone_is_what_live_refresh_asks_for(owner, browse, bars):
    part = browse(owner).get(f"/datasets/{bars.dataset.ref}/_head/?tab=chart", HTTP_HX_REQUEST="true").content.decode()
    assert f'data-live="{bars.dataset.ref} {bars.ref}"' in part
    assert "Publish to Lona" in part


def test_the_refreshed_head_keeps_commands_and_primary_of_its_tab(owner, browse, bars):
    browser, base = browse(owner), f"/datasets/{bars.dataset.ref}/"
    for tab in ("lineage/", "publish/", "v/1/archive/", "v/1/quality/"):
        whole = browser.get(base + tab).context
        part = browser.get(whole["head_url"], HTTP_HX_REQUEST="true").context
        assert part["primary"] == whole["primary"], tab
        assert (part.get("copy") is None) == (tab in ("publish/",)), tab
    assert browser.get(f"{base}publish/").context["primary"] is None
