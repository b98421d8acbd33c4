"""What the server's door does before it opens."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.house.tree import ROOT

STARTED = """
import asyncio, gc, json, sys
from tradenexus.asgi import application

async def main():
    told = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    said = []

    async def receive():
        return told.pop(0)

    async def send(message):
        said.append(message["type"])

    await application({"type": "lifespan"}, receive, send)
    print(json.dumps([said, "tradenexus.urls" in sys.modules, gc.get_freeze_count()]))

asyncio.run(main())
"""


def test_all_routes_are_loaded_and_left_alone_by_the_collector_before_the_first_request(tmp_path):
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tradenexus.settings", "NEXUS_HOME": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", STARTED], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    said, loaded, frozen = json.loads(run.stdout.splitlines()[-1])
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert loaded
    assert frozen > 100_000
