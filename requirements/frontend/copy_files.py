"""Copies the named browser files from node_modules to static/vendor, each checked against files.sha256.

`copy_files.py` copies; `--accept` rewrites the list after a deliberate upgrade. Standard library only. A
file that differs from the list is refused: what a package registry hands out today must be what was reviewed.
"""

import hashlib
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIST = HERE / "files.sha256"
ROOT = HERE.parent.parent
SOURCE = ROOT / "node_modules"
TARGET = ROOT / "static" / "vendor"


def entries() -> list[tuple[str, str]]:
    """Return (sha256, path below node_modules) of each wanted file."""
    lines = (line.split(maxsplit=1) for line in LIST.read_text().splitlines() if line and not line.startswith("#"))
    return [(digest, path.strip()) for digest, path in lines]


def sha256(path: Path) -> str:
    """Return the digest of a file, "" when it is missing."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def target(path: str) -> Path:
    """Return where a file is served from: static/vendor/<package>/<file name>."""
    package = "/".join(path.split("/")[: 2 if path.startswith("@") else 1])
    return TARGET / package / Path(path).name


def copy() -> list[str]:
    """Copy every listed file whose digest is right; return the complaints about the others."""
    complaints = []
    for digest, path in entries():
        if sha256(SOURCE / path) != digest:
            complaints.append(f"{path}: not the listed file (missing or changed)")
            continue
        target(path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SOURCE / path, target(path))
    return complaints


def accept() -> None:
    """Rewrite the list with the digests of what is in node_modules now."""
    comments = [line for line in LIST.read_text().splitlines() if line.startswith("#")]
    LIST.write_text("\n".join([*comments, *(f"{sha256(SOURCE / path)}  {path}" for _, path in entries())]) + "\n")


def main() -> int:
    if "--check" in sys.argv:
        return int(any(sha256(target(path)) != digest for digest, path in entries()))
    if "--accept" in sys.argv:
        accept()
    complaints = copy()
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return int(bool(complaints))


if __name__ == "__main__":
    sys.exit(main())
