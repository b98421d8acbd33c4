"""Settings of a test run: a home of its own and an unguessable key, then the product's settings as they are."""

import os
import secrets
import tempfile

os.environ.setdefault("NEXUS_HOME", tempfile.mkdtemp(prefix="nexus-test-"))
os.environ.setdefault("NEXUS_SECRET_KEY", secrets.token_urlsafe(50))

from tradenexus.settings import *  # noqa: F403

# People are made for every test; a slow hash protects nobody here.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
