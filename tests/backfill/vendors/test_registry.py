"""The registry finds adapters by their paths and says which can be asked."""

import json

import pytest

from backfill.vendors import registry
from tests.backfill.vendors.adapters import replay_sample


def test_a_vendor_without_its_settings_is_listed_and_not_asked(settings):
    settings.NEXUS_REPLAY_MANIFEST = ""
    (only,) = registry.listed()
    assert (only.name, only.vendor, only.lacking) == ("replay", None, ("NEXUS_REPLAY_MANIFEST",))
    assert only.capabilities == ()
    with pytest.raises(registry.VendorNotConfigured) as refused:
        registry.ready("replay")
    assert refused.value.details == {"vendor": "replay", "missing": ["NEXUS_REPLAY_MANIFEST"]}


def test_a_vendor_with_its_settings_can_be_asked(settings, tmp_path):
    for name, value in replay_sample.sample(tmp_path).settings.items():
        setattr(settings, name, value)
    held = {each.table for each in registry.ready("replay").capabilities}
    assert held >= {"crypto_bars_1d", "trades", "funding"}


def test_a_broken_manifest_is_told_in_the_list(settings, tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"sources": [{"table": "nowhere"}]}))
    settings.NEXUS_REPLAY_MANIFEST = str(path)
    (only,) = registry.listed()
    assert only.vendor is None
    assert "sources[0]" in only.fault


def test_a_name_nobody_has_is_refused_with_those_that_are_there():
    with pytest.raises(registry.VendorUnknown) as refused:
        registry.ready("nobody")
    assert refused.value.details == {"vendors": ["replay"]}
