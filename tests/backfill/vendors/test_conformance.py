"""Every adapter that stands in the folder keeps the port's promises."""

import pytest

from tests.kit import vendors


def test_every_adapter_of_the_settings_is_one_of_the_folder(settings):
    prefix = f"{vendors.adapters.__name__}."
    assert settings.NEXUS_VENDORS
    assert {path.removeprefix(prefix) for path in settings.NEXUS_VENDORS} <= set(vendors.names())


@pytest.mark.parametrize("name", vendors.names())
@pytest.mark.parametrize("check", vendors.CHECKS, ids=lambda check: check.__name__)
def test_adapter(name, check, tmp_path):
    check(name, vendors.sample_of(name, tmp_path))
