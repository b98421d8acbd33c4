"""A lake with something in it."""

import pytest


@pytest.fixture
def stocked(owner, tmp_path):
    """The owner's lake: three instruments, 400 daily bars each."""
    from tests.kit import stocked

    return stocked.stock(owner, tmp_path)
