"""Redis carries wake-ups for speed only: flushed or gone, nothing is lost. Skipped where it is not installed."""

import pytest

from tests.kit import redis
from tests.tradenexus.jobs.conftest import fresh, until
from tradenexus.jobs import queue

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not redis.INSTALLED, reason="redis-server is not installed"),
]


@pytest.fixture
def redis_server(settings, tmp_path):
    with redis.RedisServer(tmp_path) as server:
        settings.REDIS_URL = server.url
        queue._bell.cache_clear()
        yield server
    queue._bell.cache_clear()


def test_wake_ups_go_through_redis(redis_server, submit):
    from django_q.models import OrmQ

    submit("test.plain")
    assert redis_server.client.llen("nexus:wake:nexus") == 1
    assert not OrmQ.objects.exists()


def test_a_flushed_redis_loses_no_job(redis_server, submit, workers, settings):
    job = submit("test.plain")
    redis_server.client.flushall()
    workers(REDIS_URL=settings.REDIS_URL)
    until(lambda: fresh(job).state == "succeeded", 20)


def test_a_lost_redis_loses_no_job_and_stops_no_submit(redis_server, submit, workers, settings):
    workers(REDIS_URL=settings.REDIS_URL)
    first = submit("test.plain")
    until(lambda: fresh(first).state == "succeeded", 20)
    redis_server.kill()
    second = submit("test.plain")
    until(lambda: fresh(second).state == "succeeded", 20)
