"""The order of a run over several processes: the longest modules first, so that none is left alone with one at the end.

What looks at one telling of the story (`told`) stays in one process: it is told once. Within a module nothing changes.
"""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadScopeScheduling

TOLD = "the story told once"
# From the longest; seconds on two processors. The others last some ten seconds at most, most of them far less.
LONGEST = {
    TOLD: 220,
    "tests/tradenexus/jobs/test_watchdog.py": 120,
    "tests/datasets/uploads/test_kills.py": 110,
    "tests/acceptance/test_tus_clients.py": 100,
    "tests/acceptance/test_provider_faults.py": 90,
    "tests/datasets/uploads/test_cuts.py": 70,
    "tests/datasets/uploads/test_mending.py": 65,
    "tests/tradenexus/limits/test_four_servers.py": 60,
    "tests/lona/test_reconcile.py": 60,
    "tests/datasets/formats/test_hostile.py": 50,
    "tests/datasets/uploads/test_shipping_kills.py": 50,
    "tests/lona/publish/test_carry.py": 45,
    "tests/datasets/engine/test_cluster.py": 35,
    "tests/lona/backtests/test_carry.py": 35,
    "tests/acceptance/test_openapi.py": 30,
    "tests/datasets/api/test_contents.py": 30,
    "tests/datasets/uploads/test_concat.py": 30,
    "tests/datasets/uploads/test_joining.py": 30,
    "tests/datasets/uploads/test_shipping.py": 30,
    "tests/datasets/test_validation.py": 30,
    "tests/datasets/test_validation_kills.py": 25,
    "tests/datasets/uploads/test_failing_disk.py": 25,
    "tests/datasets/uploads/test_model.py": 25,
    "tests/lona/api/test_publications.py": 25,
    "tests/tradenexus/limits/test_counting.py": 25,
    "tests/tradenexus/stack/test_supervisor.py": 25,
    "tests/acceptance/test_hostile_files.py": 20,
}
TOLD_IN = {
    "tests/acceptance/test_kill_nine.py",
    "tests/acceptance/test_bucket.py",
    "tests/acceptance/test_proof.py",
    "tests/acceptance/test_secrets.py",
    "tests/acceptance/demo/test_story.py",
}


def unit(nodeid: str) -> str:
    """Name what a test is never parted from: its module, or the one telling of the story."""
    module = nodeid.split("::", 1)[0]
    return TOLD if module in TOLD_IN else module


class LongestFirst(LoadScopeScheduling):
    """Hands out whole modules, each to the process that has nothing left, in the order in which they were collected."""

    def __init__(self, config: Any, log: Any = None) -> None:
        config.option.loadscopereorder = False  # it would put those of few tests last, and they are the longest
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def sort(items: list[Any]) -> None:
    """Put the tests of the longest units first; all else keeps its order."""
    items.sort(key=lambda item: -LONGEST.get(unit(item.nodeid), 0))
