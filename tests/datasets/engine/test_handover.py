"""What a child is given reaches it by descriptor; what it leaves is ours again, and nothing else is taken for it."""

import os

import pytest

from datasets.engine import children, handover
from datasets.engine.children import ChildFailed
from datasets.engine.identity import Identity

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root hands files over")
OTHER = Identity(60855, 60600, (), {})


def run(name, params):
    return children.run(f"tests.kit.childtasks:{name}", params)


@pytest.mark.parametrize("count", [1, 65])
def test_inputs_are_read_however_many_they_are(tmp_path, count):
    paths = [tmp_path / f"{number:03d}" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_text(f"{number} ")
    said = run("read_many", {"paths": [handover.reads(path) for path in paths]})
    assert said["text"].split() == [str(number) for number in range(count)]


def test_inputs_closed_by_our_umask_are_read(tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    paths = [folder / f"{number}" for number in range(65)]
    for path in paths:
        path.write_text("x")
        path.chmod(0o600)
    said = run("read_many", {"paths": [handover.reads(path) for path in paths[:1]]})
    assert said == {"text": "x"}
    assert paths[0].stat().st_mode & 0o007 == 0


def test_a_file_that_is_there_already_can_be_written_again(tmp_path):
    (tmp_path / "a").write_text("of an attempt before")
    with pytest.raises(RuntimeError):
        children.run("tests.kit.childtasks:write_and_hang", {"path": handover.writes(tmp_path, "a")}, on_message=enough)
    assert (tmp_path / "a").read_text() == "mine"


def enough(message):
    raise RuntimeError


@pytest.mark.parametrize("named", ["/etc/passwd", "FOLDER/../secret", "FOLDER/link", "FOLDER/deeper", "../../etc"])
def test_a_result_that_is_no_file_of_its_own_is_not_believed(tmp_path, named):
    room = tmp_path / "room"
    room.mkdir()
    (tmp_path / "secret").write_text("secret")
    named = os.path.relpath("/etc", os.getcwd()) if named == "../../etc" else named
    params = {"folder": handover.writes(room), "target": str(tmp_path / "secret"), "named": named}
    with pytest.raises(ChildFailed, match="did not write") as caught:
        run("scatter", params)
    assert caught.value.code == "READER_CRASHED"


@needs_root
def test_the_folder_and_its_files_have_the_childs_owner_only_meanwhile(tmp_path):
    room, stored = tmp_path / "room", tmp_path / "stored"
    room.mkdir(mode=0o755)
    (room / "scratch").write_text("of an attempt before")
    stored.write_text("a blob shares its bytes with this name")
    os.link(stored, room / "blob")
    with handover.given({"out": handover.writes(room)}, OTHER) as given:
        assert given.params["out"] == f"/proc/self/fd/{given.descriptors[0]}"
        assert [(path.stat().st_uid, path.stat().st_gid) for path in (room, room / "scratch")] == [(60855, 60600)] * 2
        assert room.stat().st_mode & 0o777 == 0o700
        assert stored.stat().st_uid == 0
    assert {path.stat().st_uid for path in (room, room / "scratch", stored)} == {0}
    assert room.stat().st_mode & 0o777 == 0o755


def test_our_own_user_is_given_plain_paths(tmp_path):
    with handover.given(
        {"a": [handover.reads(tmp_path / "x")], "b": handover.writes(tmp_path, "y"), "c": 1}, None
    ) as it:
        assert it.params == {"a": [str(tmp_path / "x")], "b": str(tmp_path / "y"), "c": 1}
        assert it.descriptors == []
