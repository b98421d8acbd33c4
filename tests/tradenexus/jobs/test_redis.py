"""Redis carries wake-ups for speed only: flushed or gone, nothing is lost. Skipped where it is not installed."""

import shutil
import socket
import subprocess

import pytest

from tests.tradenexus.jobs.conftest import fresh, until
from tradenexus.jobs import queue

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed"),
]


@pytest.fixture
def redis_server(settings, tmp_path):
    import redis

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
    queue._bell.cache_clear()
    until(lambda: _answers(redis, settings.REDIS_URL))
    yield process, redis.from_url(settings.REDIS_URL)
    process.kill()
    process.wait()
    queue._bell.cache_clear()


def _answers(redis, url):
    try:
        return redis.from_url(url).ping()
    except redis.RedisError:
        return False


def test_wake_ups_go_through_redis(redis_server, submit):
    from django_q.models import OrmQ

    submit("test.plain")
    assert redis_server[1].llen("nexus:wake:nexus") == 1
    assert not OrmQ.objects.exists()


def test_a_flushed_redis_loses_no_job(redis_server, submit, workers, settings):
    job = submit("test.plain")
    redis_server[1].flushall()
    workers(REDIS_URL=settings.REDIS_URL)
    until(lambda: fresh(job).state == "succeeded", 20)


def test_a_lost_redis_loses_no_job_and_stops_no_submit(redis_server, submit, workers, settings):
    workers(REDIS_URL=settings.REDIS_URL)
    first = submit("test.plain")
    until(lambda: fresh(first).state == "succeeded", 20)
    redis_server[0].kill()
    redis_server[0].wait()
    second = submit("test.plain")
    until(lambda: fresh(second).state == "succeeded", 20)
