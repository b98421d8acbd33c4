"""Two workers on one database, 200 jobs; one is killed in the middle, then processes of the other: each effect once."""

from __future__ import annotations

import random
import signal
from collections import Counter

import pytest

from tests.tradenexus.jobs.conftest import kill, submit, until, workers  # noqa: F401 - fixtures among them
from tradenexus.audit import chain
from tradenexus.audit.models import Entry
from tradenexus.jobs import processes
from tradenexus.jobs.models import Job, Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]
JOBS = 200
OURS = Job.everyone.filter(kind="test.effect")  # the workers' own housekeeping comes beside them


def ended() -> int:
    return OURS.exclude(finished_at=None).count()


def test_every_effect_of_200_jobs_happens_once_though_workers_are_killed(workers, submit, owner):  # noqa: F811
    first, second = workers(), workers()
    until(lambda: Worker.objects.count() == 2)
    wanted = {submit("test.effect", params={"nap_s": 0.03}).ref for _ in range(JOBS)}
    moments = random.Random(7)
    until(lambda: ended() >= 40)
    kill(first.pid)
    first.wait()
    for at in (80, 120, 160):
        until(lambda at=at: ended() >= at, 60)
        members = [pid for pid in processes.tree(second.pid) if pid != second.pid]
        if members:
            kill(moments.choice(members), signal.SIGKILL)
    until(lambda: ended() == JOBS, 90)
    assert list(OURS.exclude(state="succeeded").values_list("state", "attempts", "error")) == []
    effects = Counter(Entry.of(owner.tenant.id).filter(action="test.effect").values_list("subject", flat=True))
    assert effects == Counter(wanted)
    final = Entry.of(owner.tenant.id).filter(action="job.state", new="succeeded", subject__in=wanted)
    assert Counter(final.values_list("subject", flat=True)) == Counter(wanted)
    assert chain.verify(owner.tenant.id).ok
