"""What a capability covers."""

import pytest

from backfill.vendors.base import Capability


@pytest.mark.parametrize(
    ("capability", "instrument", "asset_type", "covered"),
    [
        (Capability("trades"), "X:A", "spot", True),
        (Capability("trades", asset_types=("spot",)), "X:A", "swap", False),
        (Capability("trades", asset_types=("spot",)), "X:A", "", True),
        (Capability("trades", venues=("X",)), "Y:A", "", False),
        (Capability("trades", venues=("X",)), "X:A", "", True),
        (Capability("trades", instruments=frozenset({"X:A"})), "X:B", "", False),
        (Capability("trades", instruments=frozenset({"X:A"})), "X:A", "swap", True),
    ],
)
def test_a_capability_covers_what_it_says(capability, instrument, asset_type, covered):
    assert capability.covers(instrument, asset_type) is covered
