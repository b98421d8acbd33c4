"""Names that say nothing, unfinished work, and things that belong to one machine stay out of the project."""

import re

from tests.house import tree

BANNED_FILES = {"utils", "util", "helpers", "common", "misc", "services", "manager", "core"}
TEXT = {".py", ".md", ".html", ".css", ".js", ".sh", ".toml", ".ini", ".yaml", ".yml", ".in", ".txt", ".json", ""}
# In two halves, so that this file does not name what it looks for.
UNFINISHED = ["TO" + "DO", "FIX" + "ME", "X" * 3, "NotImplemented" + "Error"]
MACHINE = ["/wo" + "rk/main", "/wo" + "rk/shared", "/wo" + "rk/notes", "/ro" + "ot/", "/ho" + "me/runner"]
HOSTS = ["pypi" + ".org", "python" + "hosted.org", "npm" + "js.org", "deb." + "debian.org", "go" + "lang.org/proxy"]
TOOLS = ["cla" + "ude", "anthro" + "pic", "chat" + "gpt", "co" + "pilot", "sub" + "agent", "language " + "model"]


def hits(words: list[str], flags: int = 0) -> list[str]:
    pattern = re.compile("|".join(rf"\b{re.escape(w)}\b" if w.isalpha() else re.escape(w) for w in words), flags)
    return [
        f"{tree.name(path)}:{number} {match[0]}"
        for path in tree.files()
        if path.suffix in TEXT and path.stat().st_size < 2_000_000
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if (match := pattern.search(line))
    ]


def test_no_file_is_a_drawer_for_everything():
    assert [tree.name(path) for path in tree.files() if path.stem in BANNED_FILES] == []


def test_nothing_is_left_unfinished():
    assert hits(UNFINISHED) == []


def test_no_path_of_one_machine_is_written_down():
    assert hits(MACHINE) == []


def test_no_package_host_is_written_down():
    assert hits(HOSTS, re.IGNORECASE) == []


def test_no_word_about_writing_tools():
    assert hits(TOOLS, re.IGNORECASE) == []
