"""The page of vendors: which are configured, what they can fill, how it went."""

from __future__ import annotations

import pytest

from backfill.vendors.errors import NotEntitled
from tests.backfill.vendors.adapters import replay_sample
from tests.kit.answering import page
from tests.kit.lake import MONDAY

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_that_lacks_settings_says_which(owner, browse, settings):
    settings.NEXUS_REPLAY_MANIFEST = ""
    text = browse(owner).get("/vendors/").content.decode()
    assert "Not configured" in text
    assert "<code>NEXUS_REPLAY_MANIFEST</code>" in text
    assert 'class="button primary"' not in text.split("</header>")[1]


def test_a_configured_one_says_what_it_can_fill(owner, browse, settings, tmp_path):
    for name, value in replay_sample.sample(tmp_path / "files").settings.items():
        setattr(settings, name, value)
    text = browse(owner).get("/vendors/").content.decode()
    assert "reads local files" in text
    assert "crypto_bars_1d" in text
    assert "/lakehouse/ingests/new/?symbol=X%3AA" in text


def test_it_says_what_came_and_what_failed_lately(owner, stranger, browse, answering, hand_in):
    answering["X:A"], answering["X:B"] = (page(MONDAY, [1.0]),), NotEntitled("not in your plan")
    hand_in(owner, ["X:A", "X:B"])
    (card,) = browse(owner).get("/vendors/").context["cards"]
    assert (card.came, card.failed, card.entries) == (1, 1, 1)
    assert card.faults == [("VENDOR_NOT_ENTITLED", 1)]
    (theirs,) = browse(stranger).get("/vendors/").context["cards"]
    assert (theirs.came, theirs.failed, theirs.entries, theirs.last) == (0, 0, 0, None)


def test_the_board_asks_for_the_faults_alone(owner, browse, answering, hand_in):
    answering["X:B"] = NotEntitled("not in your plan")
    hand_in(owner, ["X:B"])
    text = browse(owner).get("/vendors/_faults/").content.decode()
    assert "0 fetched, 1 failed" in text
    assert "VENDOR_NOT_ENTITLED" in text
