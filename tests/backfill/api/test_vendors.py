"""/v1/vendors."""

import pytest

from tests.backfill.vendors.adapters import replay_sample

pytestmark = pytest.mark.django_db


def test_a_vendor_is_shown_with_what_it_can_fill(owner, settings, tmp_path):
    for name, value in replay_sample.sample(tmp_path / "files").settings.items():
        setattr(settings, name, value)
    (shown,) = owner.api.get("/v1/vendors").json()["items"]
    assert (shown["name"], shown["configured"], shown["offline"], shown["missing"]) == ("replay", True, True, [])
    bars = next(each for each in shown["capabilities"] if each["table"] == "crypto_bars_1d")
    assert bars == {
        "table": "crypto_bars_1d",
        "interval": "1d",
        "assetTypes": ["spot"],
        "venues": [],
        "instruments": ["X:A"],
    }


def test_one_without_settings_says_which(owner, settings):
    settings.NEXUS_REPLAY_MANIFEST = ""
    (shown,) = owner.api.get("/v1/vendors").json()["items"]
    assert (shown["configured"], shown["missing"], shown["capabilities"]) == (False, ["NEXUS_REPLAY_MANIFEST"], [])
