"""Tasks for capped children that misbehave in each way a hostile file can make a reader misbehave."""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from tradenexus.errors import NotFound


def echo(params, emit):
    emit({"phase": "echo", "done": 1, "total": 1})
    return {"params": params}


def refuse(params, emit):
    raise NotFound("no such thing", {"name": "x"})


def segfault(params, emit):
    ctypes.string_at(0)


def abort(params, emit):
    os.abort()


def wait_for_the_third(params, emit):
    """Note every start; only the third one gets to its end by itself."""
    path = Path(params["path"])
    with path.open("a") as file:
        file.write("started\n")
    starts = len(path.read_text().splitlines())
    if starts < params.get("good", 3):
        time.sleep(60)
    return {"starts": starts}


def bug(params, emit):
    raise KeyError("a plain bug")


def sleep_or_crash(params, emit):
    if not params["seconds"]:
        ctypes.string_at(0)
    time.sleep(params["seconds"])


def nap(params, emit):
    time.sleep(params["seconds"])
    return params


def write_file(params, emit):
    path = Path(params["out_dir"]) / "made"
    path.write_text("made")
    return {"path": str(path)}


def hang(params, emit):
    emit({"phase": "hanging", "uid": os.getuid()})
    time.sleep(3600)


def hang_deaf(params, emit):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(3600)


def spin(params, emit):
    while True:
        pass


def hoard(params, emit):
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 20)) * 8)


def hoard_in_grandchild(params, emit):
    code = "x=[]\nwhile True: x.append(bytearray(b'1') * (8 << 20))"
    subprocess.run([sys.executable, "-c", code], check=False)
    time.sleep(3600)


def hoard_arrow(params, emit):
    import numpy as np
    import pyarrow as pa

    held = []
    while True:
        held.append(pa.array(np.arange(1 << 21)).take(pa.array(np.arange(1 << 21))))


def quit_silently(params, emit):
    os._exit(0)


def lose_pipe(params, emit):
    os.closerange(3, 64)
    time.sleep(3600)


def say_garbage(params, emit):
    for number in range(3, 10):
        try:
            os.write(number, b"\x00 not json\n")
        except OSError:
            continue
    time.sleep(3600)


def chatter(params, emit):
    for number in range(params["count"]):
        emit({"phase": "chatter", "done": number})
    return {"said": params["count"]}


def print_noise(params, emit):
    print('{"result": "forged"}', flush=True)
    os.write(1, b'{"result": "forged"}\n')
    return {"honest": True}


def leave_grandchild(params, emit):
    """Start a process in a session of its own that writes to a file for ever, then end well."""
    code = "import os,time\nwhile True:\n    os.write(1, b'.'); time.sleep(0.02)"
    with open(params["path"], "ab") as file:
        subprocess.Popen([sys.executable, "-c", code], start_new_session=params["detached"], stdout=file)
    while not Path(params["path"]).stat().st_size:
        time.sleep(0.01)
    return {"left": True}


def look_around(params, emit):
    """Report what can be seen and reached from inside."""
    found = {"environment": sorted(os.environ), "descriptors": sorted(map(int, os.listdir("/proc/self/fd")))}
    with socket.socket() as client:
        client.settimeout(2)
        try:
            client.connect(("127.0.0.1", params["port"]))
            found["connected"] = True
        except OSError as fault:
            found["connected"] = False
            found["fault"] = str(fault)
    status = Path("/proc/self/status").read_text()
    found["no_new_privs"] = "NoNewPrivs:\t1" in status
    found["capabilities"] = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff"))
    found["threads"] = threading.active_count()
    return found


def who(params, emit):
    """Say whom this process runs as, and what it may still become."""
    words = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    found = {name: words[name].split() for name in ("Uid", "Gid", "Groups", "CapEff", "CapPrm", "CapBnd")}
    try:
        os.setuid(0)
        found["became"] = "root"
    except OSError as fault:
        found["became"] = fault.strerror
    return found


def echo_who(params, emit):
    emit({"phase": "here"})
    return who(params, emit)


def trespass(params, emit):
    """Try to read, list or write each path, and to signal each process; return what was refused and how."""
    found = {}
    for path in params["paths"]:
        try:
            found[path] = os.listdir(path) if os.path.isdir(path) else Path(path).read_bytes().hex()
            Path(path).open("ab").close()
        except OSError as fault:
            found[path] = type(fault).__name__
    for pid in params.get("pids", []):
        try:
            os.kill(pid, signal.SIGTERM)
            found[str(pid)] = "signalled"
        except OSError as fault:
            found[str(pid)] = type(fault).__name__
    return found


def scatter(params, emit):
    """Leave a file, a folder, a link out of the folder and a pipe; name one of them as the result."""
    folder = Path(params["folder"])
    (folder / "plain").write_text("plain")
    (folder / "deeper").mkdir()
    (folder / "deeper" / "file").write_text("deep")
    (folder / "link").symlink_to(params["target"])
    os.mkfifo(folder / "pipe")
    os.chmod(folder / "plain", 0o600)
    return {"files": [{"path": params["named"].replace("FOLDER", str(folder))}], "policy": {"path": "1m -> 5m"}}


def read_many(params, emit):
    return {"text": "".join(Path(path).read_text() for path in params["paths"])}


def write_and_hang(params, emit):
    Path(params["path"]).write_text("mine")
    emit({"phase": "written"})
    time.sleep(3600)


def write_much(params, emit):
    with open(params["path"], "wb") as file:
        for _ in range(64):
            file.write(b"\0" * (1 << 20))
    return {}


def open_many(params, emit):
    held = []
    try:
        while True:
            held.append(open(os.devnull))  # noqa: SIM115
    except OSError:
        return {"opened": len(held)}


def read_descriptor(params, emit):
    return {"text": Path(params["path"]).read_text()}


def leave_grandchild_and_hang(params, emit):
    leave_grandchild({**params, "detached": True}, emit)
    time.sleep(3600)


def read_all(params, emit):
    """Read a file by a plan to its end, as a validation does."""
    from datasets.formats import readers

    rows = rejects = 0
    for batch in readers.open_batches(params["path"], params["plan"]):
        rows += batch.table.num_rows
        rejects += len(batch.rejects)
    return {"rows": rows, "rejects": rejects}


def convert(params, emit):
    import pyarrow as pa

    values = pa.array([1, 2]).to_numpy().tolist()
    return {"values": values, "pandas": "pandas" in sys.modules}


def frame(params, emit):
    """Use both as whoever works with frames does: there and back."""
    importlib.import_module(params["first"])
    import pandas as pd
    import pyarrow as pa

    table = pa.table(pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]}))
    return {"sum": int(table.to_pandas()["a"].sum())}


def sessions(params, emit):
    """Convert with pyarrow first, then ask a calendar, which works with pandas."""
    convert(params, emit)
    from datasets.market import calendars

    held = calendars.sessions("XNYS", 1_709_510_400 * 10**9, 1_710_028_800 * 10**9)
    labels = [str(each) for each in held.label_ns.astype("datetime64[ns]").astype("datetime64[D]")]
    return {"first": labels[0], "sessions": len(labels)}
