"""The files the house rules speak about."""

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("tradenexus", "datasets", "backfill", "lona")


@functools.cache
def files() -> tuple[Path, ...]:
    """Every file of the project: what git tracks and what it would, without what it ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout  # fmt: skip
    paths = (ROOT / name.decode() for name in listed.split(b"\0") if name)
    return tuple(sorted({path for path in paths if path.is_file()}))


def python(*folders: str, migrations: bool = False) -> list[Path]:
    """The Python files below the named top folders (all when none is named)."""
    return [
        path
        for path in files()
        if path.suffix == ".py"
        and (not folders or path.relative_to(ROOT).parts[0] in folders)
        and (migrations or "migrations" not in path.parts)
    ]


def name(path: Path) -> str:
    """The path as it stands in a message."""
    return str(path.relative_to(ROOT))


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=name(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a file."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def modules() -> list[str]:
    """The dotted names of all modules of the four apps, without migrations and `__main__`."""
    names = []
    for path in python(*APPS):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "__main__":
            continue
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names
