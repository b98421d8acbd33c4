"""The verifier of a bundle, run as whoever gets one runs it: the file alone, in a bare Python."""

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.tradenexus.audit.test_chain import write
from tradenexus.audit import bundle, proof
from tradenexus.audit.models import Entry

pytestmark = pytest.mark.django_db
NASTY = "Zürich 東京 \\ \" ' %s \u2028 \x7f"


def make(person, target, start=None, end=None):
    span = bundle.span(person.tenant.id, start, end)
    target.write_bytes(b"".join(bundle.pieces(person.tenant, span)))
    return target


@pytest.fixture
def folder(owner, tmp_path):
    """A bundle of seven entries, unpacked."""
    write(owner, 6, score=0.1, name=NASTY, nested={"b": [1, None, True], "a": 2**70})
    write(owner, 1)
    with zipfile.ZipFile(make(owner, tmp_path / "audit.zip")) as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def run(folder, *words):
    """Run verify.py of the folder, isolated: no site packages, no environment."""
    command = [sys.executable, "-I", "-S", str(folder / "verify.py"), *map(str, words)]
    ran = subprocess.run(command, capture_output=True, text=True, env={}, cwd="/")
    return ran.returncode, ran.stdout + ran.stderr


def lines(folder):
    return [text + "\n" for text in (folder / proof.ENTRIES).read_text("utf-8").split("\n")[:-1]]


def rewrite(folder, kept):
    """Put other lines in, as one would who computes the manifest anew: only the chain can tell."""
    (folder / proof.ENTRIES).write_text("".join(kept), "utf-8")
    reseal(folder)


def reseal(folder):
    manifest = json.loads((folder / proof.MANIFEST).read_text())
    for name in manifest["files"]:
        data = (folder / name).read_bytes()
        manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "sizeBytes": len(data)}
    (folder / proof.MANIFEST).write_text(json.dumps(manifest))


def test_a_whole_bundle_is_whole_as_a_folder_and_as_a_zip_file(folder, owner):
    newest = Entry.of(owner.tenant.id).latest("seq")
    said = f"OK: entries 1 to 7 follow each other; the last has the hash {newest.hash}.\n"
    assert run(folder) == (0, said)
    assert run(folder, folder.parent / "audit.zip") == (0, said)


@pytest.mark.parametrize(
    ("old", "new"), [('"old":"a"', '"old":"b"'), ('"seq":3', '"seq":3 '), ('"user":"', '"user":null,"user":"')]
)
def test_a_changed_entry_is_named(folder, old, new):
    kept = lines(folder)
    assert old in kept[2]
    kept[2] = kept[2].replace(old, new, 1)
    rewrite(folder, kept)
    code, said = run(folder)
    assert (code, "BROKEN at entry 3" in said, "2 entries before it are whole" in said) == (1, True, True)


def test_an_entry_that_was_changed_and_hashed_anew_does_not_fit_the_next_one(folder):
    kept = lines(folder)
    found = json.loads(kept[2])
    entry = proof.canonical(found["entry"] | {"reason": "nothing"})
    kept[2] = proof.line(3, found["prevHash"], proof.link(found["prevHash"], 3, entry), entry)
    rewrite(folder, kept)
    assert run(folder) == (
        1,
        "BROKEN at entry 4: entry 4 does not follow the entry before it. 3 entries before it are whole.\n",
    )


def test_a_removed_a_swapped_and_a_doubled_entry_are_named(folder):
    whole = lines(folder)
    rewrite(folder, whole[:3] + whole[4:])
    assert "BROKEN at entry 4: entry 4 is missing" in run(folder)[1]
    rewrite(folder, [*whole[:3], whole[4], whole[3], *whole[5:]])
    assert "BROKEN at entry 4: entry 4 is missing, or not in its place: entry 5 stands there" in run(folder)[1]
    rewrite(folder, [*whole, whole[6]])
    assert "BROKEN at entry 7" in run(folder)[1]


def test_a_cut_off_beginning_end_and_middle_of_a_line_are_named(folder):
    whole = lines(folder)
    rewrite(folder, whole[1:])
    assert "BROKEN at entry 1" in run(folder)[1]
    rewrite(folder, whole[:5])
    assert "BROKEN at entry 6: the entries from 6 to 7 are missing" in run(folder)[1]
    rewrite(folder, [*whole[:6], whole[6][:40]])
    assert "BROKEN at entry 7: the file is cut" in run(folder)[1]
    rewrite(folder, [*whole[:6], whole[6].rstrip("\n")])
    assert run(folder)[0] == 1


def test_a_cut_zip_file_is_no_bundle(folder):
    cut = folder.parent / "cut.zip"
    data = (folder.parent / "audit.zip").read_bytes()
    for size in (len(data) - 30, len(data) // 2, 0):
        cut.write_bytes(data[:size])
        code, said = run(folder, cut)
        assert (code, "its end was cut off" in said) == (1, True)
    assert run(folder, folder.parent / "nothing")[0] == 1


@pytest.mark.parametrize("name", ["README.txt", "verify.py", "head.json"])
def test_another_file_that_was_changed_is_named(folder, name):
    with (folder / name).open("a") as stream:
        stream.write("\n")
    assert run(folder) == (
        1,
        f"BROKEN: {name} has other bytes than manifest.json tells. 7 entries before it are whole.\n",
    )


def test_a_chain_that_was_computed_anew_is_found_by_a_witness_only(folder):
    whole, previous, kept = lines(folder), proof.GENESIS, []
    seventh = json.loads(whole[6])["hash"]
    for text in whole:
        found = json.loads(text)
        entry = proof.canonical(found["entry"] | {"reason": "rewritten"})
        digest = proof.link(previous, found["seq"], entry)
        kept.append(proof.line(found["seq"], previous, digest, entry))
        previous = digest
    told = json.loads((folder / proof.HEAD).read_text())
    told["hash"] = told["range"]["last"]["hash"] = previous
    (folder / proof.HEAD).write_text(json.dumps(told))
    rewrite(folder, kept)
    assert run(folder)[0] == 0
    code, said = run(folder, "--witness", f"7:{seventh}")
    assert (code, "BROKEN at entry 7: entry 7 has another hash than the witness" in said) == (1, True)
    assert "is not in this bundle" in run(folder, "--witness", f"9:{seventh}")[1]
    assert run(folder, "--witness", "7")[0] == 2


def test_a_manifest_that_tells_of_too_little_is_none(folder):
    (folder / proof.MANIFEST).write_text(json.dumps({"files": {}}))
    assert "manifest.json tells nothing of entries.jsonl" in run(folder)[1]


def test_heads_that_disagree_with_the_entries_are_found(folder):
    told = json.loads((folder / proof.HEAD).read_text())
    told["hash"] = "0" * 64
    (folder / proof.HEAD).write_text(json.dumps(told))
    assert "the head of the chain has another hash" in run(folder)[1]


def test_the_verifier_needs_the_standard_library_only(folder, tmp_path):
    alone = tmp_path / "elsewhere"
    alone.mkdir()
    shutil.copy(proof.__file__, alone / "verify.py")
    assert run(alone, folder.parent / "audit.zip")[0] == 0
