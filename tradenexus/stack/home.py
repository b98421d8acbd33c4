"""One installation's folder (NEXUS_HOME): its secrets, its lock, its logs and the state file of a running stack.

Secrets are files only their owner can read; every installation makes its own. The lock is held by the running stack and
freed by the kernel when the last process that holds it is gone, so a crash never leaves it behind.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

LOG_LIMIT_BYTES = 16 << 20


class HomeBusy(Exception):
    """Another stack runs on this home. Stop it first (`python -m tradenexus.stack stop`) or choose another home."""


class Home:
    """The paths of one installation below `root`, and the few verbs the stack needs on them."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).expanduser().resolve()
        self.run = self.root / "run"
        self.logs = self.root / "log"
        self.state_file = self.run / "stack.json"
        self.lock_file = self.run / "stack.lock"
        self.secret_key_file = self.root / "secret_key"  # where settings look when nothing else is said
        self.agent_token_file = self.root / "lona_sandbox_token"
        self.api_key_file = self.root / "api_key"
        self.sign_in_file = self.root / "sign_in_link"  # works once
        self.sandbox = self.root / "lona-sandbox"

    def make(self) -> None:
        """Create the folders and the secrets that are missing; what is there stays as it is."""
        for folder in (self.root, self.run, self.logs, self.sandbox):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_secret(self.secret_key_file)
        make_secret(self.agent_token_file)

    def lock(self) -> int:
        """Take the home for this stack and return the descriptor that holds it; raise HomeBusy when it is taken."""
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise HomeBusy(f"a stack is already running on {self.root}{self._where()}") from None
        return descriptor

    def is_locked(self) -> bool:
        """Tell whether a stack holds this home now."""
        if not self.lock_file.exists():
            return False
        try:
            os.close(self.lock())
        except HomeBusy:
            return True
        return False

    def write_state(self, state: dict[str, Any]) -> None:
        """Replace the state file as a whole: a reader sees the old or the new one, never half."""
        write_private(self.state_file, json.dumps(state, indent=1))

    def read_state(self) -> dict[str, Any]:
        """Return what the running stack wrote last, or {} when none is running."""
        if not self.is_locked():
            return {}
        try:
            return json.loads(self.state_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}

    def trim_log(self, name: str) -> None:
        """Keep one log below its limit: the old text moves to NAME.log.1, the open file starts again at zero."""
        path = self.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
            path.with_suffix(".log.1").write_bytes(path.read_bytes())
            # The writer holds the file open for appending, so it goes on at the new end.
            os.truncate(path, 0)

    def _where(self) -> str:
        try:
            return f" ({json.loads(self.state_file.read_text())['url']})"
        except (OSError, ValueError, KeyError):
            return ""


def make_secret(path: Path, size_bytes: int = 48) -> None:
    """Write a fresh random secret with mode 0600 unless the file exists; two racers keep the first one's."""
    if path.exists():
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    _write_synced(temporary, os.urandom(size_bytes).hex() + "\n")
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def write_private(path: Path, text: str) -> None:
    """Put `text` at `path` with mode 0600, atomically."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    _write_synced(temporary, text)
    temporary.replace(path)


def _write_synced(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
