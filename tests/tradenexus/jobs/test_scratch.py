import time
from pathlib import Path

import pytest

from tests.tradenexus.jobs.conftest import fresh
from tradenexus.jobs import scratch, states

pytestmark = pytest.mark.django_db(transaction=True)


def test_only_old_folders_of_jobs_that_do_not_run_go(submit, settings, tmp_path):
    settings.NEXUS_HOME = tmp_path
    ended, running = submit("test.plain"), submit("test.plain")
    states.succeed_alone(states.claim("x:1:1"), {}, states.Tail())
    states.claim("x:1:1")
    assert (fresh(ended).state, fresh(running).state) == ("succeeded", "running")
    work = Path(tmp_path) / "work"
    names = [f"{ended.ref}-1", ended.id.hex, f"{running.ref}-1", running.id.hex, "spool"]
    for name in names:
        (work / name).mkdir(parents=True)
    assert scratch.clear() == 0
    assert scratch.clear(time.time() + scratch.AGE_S + 60) == 2
    assert sorted(path.name for path in work.iterdir()) == sorted(names[2:])
