"""Settings of a test run: a home of its own and an unguessable key, then the product's settings as they are."""

import os
import secrets
import tempfile

os.environ.setdefault("NEXUS_HOME", tempfile.mkdtemp(prefix="nexus-test-"))
os.environ.setdefault("NEXUS_SECRET_KEY", secrets.token_urlsafe(50))

_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if _WORKER and os.environ.get("NEXUS_TEST_WORKER") != _WORKER:
    # Each test process is a host of its own: they must not wait for each other's place for a heavy job.
    os.environ["NEXUS_HOME"] = os.path.join(os.environ["NEXUS_HOME"], _WORKER)
    os.environ["NEXUS_TEST_WORKER"] = _WORKER

from tradenexus.settings import *  # noqa: E402, F403

# People are made for every test; a slow hash protects nobody here.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Requests are counted as ever, but a run of a thousand tests from one address must not use up its minute.
NEXUS_READS_PER_MIN = NEXUS_WRITES_PER_MIN = 1_000_000
