"""Installs other people's browser clients below build/ by the lock file beside this, once for all test processes."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[2] / "build" / "clients"
PATIENCE_S = 200  # below the time a test may take, so that the reason is told


class CannotInstall(RuntimeError):
    """There is no npm, or it cannot get the packages; the message has its last words."""


def install() -> Path:
    """Return the node_modules in which the clients stand; CannotInstall where they cannot be had."""
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    stamp = FOLDER / "installed"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER.parent / "clients.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            _npm_ci()
            stamp.write_text(wanted)
    return FOLDER / "node_modules"


def _npm_ci() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise CannotInstall("no npm for the clients of tests/kit/clients/package.json")
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(HERE / name, FOLDER / name)
    try:
        subprocess.run([npm, "ci", "--loglevel=error"], cwd=FOLDER, capture_output=True, check=True, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired as late:
        raise CannotInstall(f"npm ci did not end within {PATIENCE_S} s") from late
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).decode(errors="replace").strip()
        raise CannotInstall(f"npm ci failed ({error.returncode}): {said[-500:]}") from error
