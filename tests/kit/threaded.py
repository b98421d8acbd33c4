"""A task whose module starts a thread when it is loaded, as a library may."""

from __future__ import annotations

import threading
import time
from pathlib import Path

threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()


def look(params, emit):
    """Return the module that this process was started as."""
    return {"program": Path("/proc/self/cmdline").read_text().split("\0")[2]}
