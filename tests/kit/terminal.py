"""How to start a command that is to hear Ctrl-C."""

import signal
import subprocess
from typing import Any

# A run in the background starts its children deaf to SIGINT; a person at a terminal does not.
HEARING: dict[str, Any] = {
    "stdout": subprocess.PIPE,
    "stderr": subprocess.PIPE,
    "text": True,
    "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
}
