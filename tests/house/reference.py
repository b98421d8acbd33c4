"""Builds docs/errors.md from the code (`python -m tests.house.reference` writes it), finds the settings read in it."""

import importlib
import os
import re

from tests.house import tree

ERRORS = tree.ROOT / "docs" / "errors.md"
SETTINGS = tree.ROOT / "docs" / "settings.md"
REBUILD = "docs/errors.md is not what the code says; rebuild it: python -m tests.house.reference"
HEAD = """# Error codes

Every answer that is not a success carries `{"error": {"code", "message", "details"?}, "requestId"}`. The code is
stable: programs may compare it. The message is for people and may change. Quote the request id when you ask for help:
it stands in the logs, the job and the audit entry as well. A job that failed and a report that refused data use the
same codes.

This page is built from the code (`python -m tests.house.reference`).

| code | status | what happened and what to do |
|---|---|---|
"""
READERS = re.compile(
    r"""(?:env\.(?:text|integer|number|flag|words|choice|database|storage)|environ\.(?:get|pop)|getenv)\(\s*["']([A-Z][A-Z0-9_]+)["']"""
)
# Some are read through a table of names: a quoted name of ours is a setting wherever it stands.
QUOTED = re.compile(r"""["'](NEXUS_[A-Z0-9_]*[A-Z0-9])["']""")


def import_everything() -> None:
    """Import every module of the four apps, so that each error class is known."""
    for module in tree.modules():
        importlib.import_module(module)


def errors() -> list[type]:
    """The error classes that define a code of their own, by code."""
    import_everything()
    base = importlib.import_module("tradenexus.errors").ProblemError
    found, queue = [], [base]
    while queue:
        error = queue.pop()
        queue += error.__subclasses__()
        if "code" in vars(error) and error.__module__.split(".")[0] in tree.APPS:
            found.append(error)
    return sorted(set(found), key=lambda error: (error.code, error.__qualname__))


def errors_page() -> str:
    """The text of docs/errors.md."""
    rows = [f"| `{error.code}` | {error.status} | {' '.join((error.__doc__ or '').split())} |" for error in errors()]
    return HEAD + "\n".join(rows) + "\n"


def settings() -> set[str]:
    """The environment variables the code reads."""
    text = "\n".join(path.read_text() for path in tree.python(*tree.APPS))
    found = {name for name in READERS.findall(text) if re.match("NEXUS_|LONA_|DATABASE_URL|REDIS_URL|PORT$", name)}
    found |= set(QUOTED.findall(text)) | {"NEXUS_REALDATA"}  # the one the tests read
    return {name.removesuffix("_FILE") for name in found}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradenexus.settings")
    importlib.import_module("django").setup()
    ERRORS.write_text(errors_page())
