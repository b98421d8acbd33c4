"""A stack of toy processes under the real guard and supervisor: `python fake_stack.py HOME [once]`.

The toy web server answers /readyz; the toy worker starts a grandchild in a session of its own, as capped readers are.
"""

import sys

from tradenexus.stack import guard, ports
from tradenexus.stack.home import Home
from tradenexus.stack.plan import Plan, Step
from tradenexus.stack.supervisor import Supervisor, say

WEB = """
import http.server, socket, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Answer, bind_and_activate=False)
server.socket = socket.socket(fileno=int(sys.argv[1]))
server.serve_forever()
"""
WORKER = """
import subprocess, sys, time, os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN if "stubborn" in sys.argv else signal.SIG_DFL)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
open(sys.argv[1], "a").write(f"{os.getpid()} {grandchild.pid}\\n")
time.sleep(600)
"""


def toy_plan(home: Home, mode: str) -> Plan:
    python = sys.executable
    pids = str(home.run / "worker.pids")
    steps = [
        Step("greeting", (python, "-c", 'print(\'{"user": "toy", "key": "nx_toy", "loginPath": "/once"}\')'), True)
    ]
    if mode == "badstep":
        steps.append(Step("broken", (python, "-c", "raise SystemExit('no such table')")))
    return Plan({"PATH": "/usr/bin:/bin"}, [steps], {"worker": [python, "-c", WORKER, pids, mode]}, [python, "-c", WEB])


if __name__ == "__main__":
    home = Home(sys.argv[1])
    mode = sys.argv[2] if len(sys.argv) > 2 else ""
    home.make()
    home.lock()
    sys.exit(
        guard.run(lambda: Supervisor(home, toy_plan(home, mode), ports.listen(0), say).run(once_ready=mode == "once"))
    )
