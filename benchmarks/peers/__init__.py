"""Peers in environments of their own below build/, installed on first use by lock file; never in the product."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "peers"


def node() -> Path:
    """Return the folder in which the node peers are installed (`npm ci` by benchmarks/peers/package-lock.json)."""
    folder = BUILD / "node"
    if _is_due(folder, HERE / "package-lock.json"):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc", "tus.js"):
            shutil.copy(HERE / name, folder / name)
        subprocess.run(["npm", "ci", "--silent"], cwd=folder, check=True)
        _note(folder, HERE / "package-lock.json")
    return folder


def python() -> Path:
    """Return the interpreter of the Python peers (requirements/bench.txt, checked by hash)."""
    lock, folder = ROOT / "requirements" / "bench.txt", BUILD / "python"
    program = folder / "bin" / "python"
    if _is_due(folder, lock):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", lock]
        subprocess.run([program, *install], check=True)
        _note(folder, lock)
    return program


def _is_due(folder: Path, lock: Path) -> bool:
    stamp = folder / "installed"
    return not stamp.exists() or stamp.read_text() != hashlib.sha256(lock.read_bytes()).hexdigest()


def _note(folder: Path, lock: Path) -> None:
    (folder / "installed").write_text(hashlib.sha256(lock.read_bytes()).hexdigest())
