"""Both places where counts stand, each fresh for its test."""

import pytest

from tests.kit import redis
from tradenexus.limits import counting

needs_redis = pytest.mark.skipif(not redis.INSTALLED, reason="redis-server is not installed")


@pytest.fixture
def on_file(settings, tmp_path):
    """Count in files of this test."""
    settings.REDIS_URL = ""
    settings.NEXUS_HOME = tmp_path
    return tmp_path


@pytest.fixture
def on_redis(settings, tmp_path):
    """Count in a Redis of this test, which it may kill."""
    settings.NEXUS_HOME = tmp_path
    with redis.RedisServer(tmp_path) as server:
        settings.REDIS_URL = server.url
        yield server
    counting._asked_again_at.pop(server.url, None)


@pytest.fixture(params=["on_file", pytest.param("on_redis", marks=needs_redis)])
def anywhere(request):
    """Count in the one, then in the other."""
    return request.getfixturevalue(request.param)
