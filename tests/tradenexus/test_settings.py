"""What an installation may not be started with, and how production differs."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOOD = {
    "NEXUS_ENV": "production",
    "NEXUS_SECRET_KEY": secrets.token_urlsafe(50),
    "NEXUS_ALLOWED_HOSTS": "nexus.example",
}
CLOSED = {
    "DEBUG": False,
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
    "SECURE_SSL_REDIRECT": True,
    "SECURE_HSTS_SECONDS": 31_536_000,
    "X_FRAME_OPTIONS": "DENY",
}
SHOW = (
    f"import json; from tradenexus import settings as s; print(json.dumps({{n: getattr(s, n) for n in {[*CLOSED]}}}))"
)


def start(home, *command, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NEXUS_", "DATABASE_", "LONA_"))}
    kept.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run(
        [sys.executable, *(command or ("-c", SHOW))],
        cwd=ROOT,
        env={**kept, "NEXUS_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        ({**GOOD, "NEXUS_SECRET_KEY": ""}, "NEXUS_SECRET_KEY"),
        ({**GOOD, "NEXUS_STORAGE": "s3://data", "NEXUS_S3_ENDPOINT": "https://s3.example"}, "NEXUS_S3_ACCESS_KEY"),
        ({**GOOD, "NEXUS_SECRET_KEY": "short"}, "NEXUS_SECRET_KEY"),
        ({**GOOD, "NEXUS_SECRET_KEY": "a" * 60}, "NEXUS_SECRET_KEY"),
        ({**GOOD, "NEXUS_SECRET_KEY": "django-insecure-" + secrets.token_urlsafe(50)}, "NEXUS_SECRET_KEY"),
        ({**GOOD, "NEXUS_DEBUG": "1"}, "NEXUS_DEBUG"),
        ({**GOOD, "NEXUS_ENV": "prod"}, "NEXUS_ENV"),
        ({"NEXUS_SECRET_KEY": "short"}, "NEXUS_SECRET_KEY"),
    ],
    ids=[
        "no key",
        "half a bucket",
        "short key",
        "one letter",
        "published key",
        "debug",
        "unknown mode",
        "short key in development",
    ],
)
def test_it_does_not_start(tmp_path, environment, word):
    ended = start(tmp_path, **environment)
    assert ended.returncode != 0
    assert word in ended.stderr.splitlines()[-1]


def test_production_is_closed(tmp_path):
    ended = start(tmp_path, **GOOD)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == CLOSED


def test_the_deployment_check_has_nothing_to_say(tmp_path):
    ended = start(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING", **GOOD)
    assert ended.returncode == 0, ended.stderr


def test_each_installation_makes_its_own_key_and_keeps_it_to_itself(tmp_path):
    keys = set()
    for name in ("a", "b", "a"):
        assert start(tmp_path / name).returncode == 0
        path = tmp_path / name / "secret_key"
        assert path.stat().st_mode & 0o077 == 0
        keys.add(path.read_text())
    assert len(keys) == 2
