"""Loaded before Django's settings: every test run has a home of its own, and an unguessable key."""

import os
import secrets
import tempfile

if "NEXUS_HOME" not in os.environ:
    os.environ["NEXUS_HOME"] = tempfile.mkdtemp(prefix="nexus-test-")
os.environ.setdefault("NEXUS_SECRET_KEY", secrets.token_urlsafe(50))
