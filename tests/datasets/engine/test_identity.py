"""Under a parent that is root a child is nobody we know: it reaches its own files, and nothing else of ours."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from datasets.engine import children, family, handover, identity
from datasets.engine.children import Limits

ALONE = range(60890, 60891)  # beyond the range that children of other test processes draw from
SMALL = Limits(memory_bytes=300 << 20, cpu_s=5, wall_s=30)


def run(name, params=None, **more):
    return children.run(f"tests.kit.childtasks:{name}", params or {}, limits=SMALL, **more)


def forget():
    children.capabilities.cache_clear()
    children._proven.cache_clear()


@pytest.fixture
def settled():
    """Set the reserved uids and the home for one test."""
    before = identity._uids, identity._home

    def settle(uids=before[0], home=before[1]):
        identity.settle(uids, home)
        forget()

    yield settle
    settle(*before)


@pytest.fixture
def open_folder():
    """A folder that every user may enter, so that only the modes of what is in it protect that."""
    folder = Path(tempfile.mkdtemp(prefix="nexus-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def as_root():
    if not children.capabilities()["own_uid"]:
        pytest.skip(children.capabilities()["notes"]["own_uid"])


def test_the_child_is_another_user_and_cannot_become_root(as_root):
    found = run("who")
    assert set(found["Uid"]) <= {str(uid) for uid in identity._uids}
    assert set(found["Gid"]) == {str(identity._uids[0])}
    assert found["Groups"] == []
    assert {int(found[name][0], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {0}
    assert found["became"] == "Operation not permitted"


def test_it_reads_what_it_is_given_and_its_results_are_ours(as_root, tmp_path):
    room = tmp_path / "room"
    room.mkdir(mode=0o750)
    params = {"folder": handover.writes(room), "target": "/etc/passwd", "named": "FOLDER/plain"}
    said = run("scatter", params)
    assert said == {"files": [{"path": str(room / "plain")}], "policy": {"path": "1m -> 5m"}}
    assert sorted(path.name for path in room.rglob("*")) == ["deeper", "file", "plain"]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in [room, *room.rglob("*")]} == {(0, 0)}
    assert room.stat().st_mode & 0o777 == 0o750


def test_it_opens_neither_database_nor_secret_nor_another_childs_file(as_root, open_folder, settled):
    home = open_folder / "home"
    (home / "work").mkdir(parents=True)
    secret, database = home / "secret_key", home / "nexus.sqlite3"
    for path in (secret, database):
        path.write_text("canary")
    settled(home=home)
    mine, theirs = home / "work" / "mine", open_folder / "theirs"
    mine.mkdir()
    theirs.mkdir()
    paths = [str(each) for each in (secret, database, home, mine / "a", theirs, theirs / "a", "/etc/shadow")]

    def look(message):
        said.update(run("trespass", {"paths": paths, "room": handover.writes(mine)}))
        raise RuntimeError("seen enough")

    said = {}
    with pytest.raises(RuntimeError, match="seen enough"):
        run("write_and_hang", {"path": handover.writes(theirs, "a")}, on_message=look)
    assert (theirs / "a").read_text() == "mine"
    assert set(said.values()) <= {"PermissionError", "FileNotFoundError"}
    assert len(said) == len(paths)


def test_it_cannot_signal_its_parent(as_root):
    said = run("trespass", {"paths": [], "pids": [os.getpid(), os.getppid()]})
    assert set(said.values()) <= {"PermissionError", "ProcessLookupError"}


def test_two_children_at_once_are_two_users(as_root):
    found = []

    def second(message):
        found.append({message["uid"], int(run("who")["Uid"][0])})
        raise RuntimeError

    with identity.taken() as other, pytest.raises(RuntimeError):
        run("hang", on_message=second)
    (uids,) = found
    assert len(uids - {other.uid}) == 2


def test_whoever_still_has_the_uid_goes_with_the_child(as_root):
    with identity.taken() as own:
        left = subprocess.Popen(["/bin/sleep", "60"], user=own.uid, start_new_session=True)
        family.kill_user(own.uid)
        assert left.wait(timeout=5) == -9


def test_when_every_uid_is_in_use_it_is_said(as_root, settled):
    settled(uids=ALONE)
    children._proven()
    with identity.taken(), pytest.raises(identity.ReadersBusy, match="in use"):
        run("who")
    assert run("who")["Uid"][0] == str(ALONE[0])


def test_a_killed_parent_frees_the_uid(as_root, settled):
    settled(uids=ALONE)
    code = "from datasets.engine import children; children.run('tests.kit.childtasks:hang', {})"
    code = f"from datasets.engine import identity; identity.settle({ALONE!r}, None); {code}"
    parent = subprocess.Popen([sys.executable, "-c", code])
    while not is_taken(ALONE[0]) or not family.descendants(parent.pid):
        assert parent.poll() is None
        time.sleep(0.02)
    time.sleep(0.5)
    parent.kill()
    parent.wait()
    assert not is_taken(ALONE[0])


def is_taken(uid):
    """Look for the name without taking it, as a child might want it just then."""
    return f"@nexus-reader-{uid}\n" in Path("/proc/net/unix").read_text()


def test_no_reserved_uid_leaves_the_user_and_doctor_says_so(settled):
    settled(uids=range(0))
    held = children.capabilities()
    assert held["own_uid"] is False
    assert held["notes"]["own_uid"]
    assert run("who")["Uid"][0] == str(os.getuid())
    assert int(run("who")["CapEff"][0], 16) == 0


def test_code_that_others_may_not_read_leaves_the_user_and_names_the_folder(as_root, settled, monkeypatch):
    closed = identity.closed_folders()
    if not closed:
        pytest.skip("everybody may read the code here")
    settled()
    shown = identity.Identity
    monkeypatch.setattr(identity, "Identity", lambda uid, gid, hide, reveal: shown(uid, gid, hide, {}))
    held = children.capabilities()
    assert held["own_uid"] is False
    assert next(iter(closed)) in held["notes"]["own_uid"]
    assert run("who")["Uid"][0] == "0"


def test_an_open_home_is_a_warning(as_root, open_folder, settled):
    settled(home=open_folder)
    assert children.capabilities()["home_closed"] is False
    open_folder.chmod(0o700)
    forget()
    assert children.capabilities()["home_closed"] is True


AS_NOBODY = """
import ctypes, json, os, sys
from datasets.engine import children, handover, identity, mounts
if os.getuid() == 0:
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(0x00020000) == 0
    mounts.arrange(libc, (), identity.closed_folders())
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
    libc.prctl(4, 1, 0, 0, 0)
room = sys.argv[1]
who = children.run("tests.kit.childtasks:who", {})
made = children.run("tests.kit.childtasks:scatter",
                    {"folder": handover.writes(room), "target": "/etc/passwd", "named": "FOLDER/plain"})
print(json.dumps({"who": who, "made": made, "held": children.capabilities()}))
"""


def test_a_parent_that_is_not_root_goes_on_as_before(as_root, open_folder):
    os.chown(open_folder, 65534, 65534)
    done = subprocess.run([sys.executable, "-c", AS_NOBODY, str(open_folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert set(said["who"]["Uid"]) == {"65534"}
    assert said["made"]["files"] == [{"path": str(open_folder / "plain")}]
    assert said["held"]["own_uid"] is False
    assert "keeps the service's user" in said["held"]["notes"]["own_uid"]
    assert said["held"]["privileges_dropped"] is True


def test_children_of_several_threads_have_a_uid_each(as_root):
    said = []
    together = threading.Barrier(3)

    def one():
        said.append(run("echo_who", on_message=lambda message: together.wait(20))["Uid"][0])

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(said)) == 3
