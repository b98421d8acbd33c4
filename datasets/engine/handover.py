"""Files on their way into a child and back: inputs as read-only descriptors, one folder for what it writes.

A caller names them in the params: `reads(path)`, `writes(folder)`. A child with our own user is given plain paths. One
with a uid of its own may not walk our folders: it is given descriptors, owns the folder while it lives, and what it
left there is ours again, plain files only, before anyone looks at it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.engine.identity import Identity

# More inputs than these are reached through the folders they lie in: descriptors are counted.
_MOST_FILES = 64


@dataclass(frozen=True)
class Input:
    """A file that the child may read."""

    path: Path


@dataclass(frozen=True)
class Output:
    """A folder that the child may write in; `name` is a file in it, "" the folder itself."""

    folder: Path
    name: str = ""


class ForeignOutput(ValueError):
    """The child named a file as its work that is not one of the plain files in the folder it was given."""


def reads(path: str | Path) -> Input:
    """Name an input in a child's params; there it is the text of a path that can be opened for reading."""
    return Input(Path(path))


def writes(folder: str | Path, name: str = "") -> Output:
    """Name the folder for a child's results in its params (or a file `name` in it): the text of a path there."""
    return Output(Path(folder), name)


class Given:
    """What one child is given: its params as texts, the descriptors behind them, and the way back."""

    def __init__(self, params: dict[str, Any], identity: Identity | None, stack: ExitStack):
        self._identity, self._stack = identity, stack
        named = list(_named(params))
        self._rooms = {each.folder: str(each.folder) for each in named if isinstance(each, Output)}
        self._by_folder = len({each.path for each in named if isinstance(each, Input)}) > _MOST_FILES
        self._opened: dict[Path, int] = {}
        if identity:
            self._rooms = {folder: self._hand_over(folder) for folder in self._rooms}
        self.params = self._texts(params)

    @property
    def descriptors(self) -> list[int]:
        """Return what the child must inherit."""
        return list(self._opened.values())

    def back(self, result: Any) -> Any:
        """Return the child's result with our own paths; ForeignOutput when a `path` in it is no output of its own."""
        if isinstance(result, dict):
            return {name: self._own(each) if name == "path" else self.back(each) for name, each in result.items()}
        return [self.back(each) for each in result] if isinstance(result, list) else result

    def _own(self, text: Any) -> Any:
        if not self._rooms or not isinstance(text, str):
            return self.back(text)
        for folder, handle in self._rooms.items():
            inside = os.path.relpath(text, handle)
            path = folder / inside
            if not inside.startswith("..") and path.is_file() and not path.is_symlink():
                return str(path)
        # Words about a path (a policy's way of making bars) are no file.
        if os.path.isabs(text) or os.path.lexists(text):
            raise ForeignOutput(text)
        return text

    def _texts(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._texts(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._texts(each) for each in value]
        if isinstance(value, Input):
            return self._input(value.path)
        if isinstance(value, Output):
            return os.path.join(self._rooms[value.folder], value.name) if value.name else self._rooms[value.folder]
        return value

    def _input(self, path: Path) -> str:
        if not self._identity:
            return str(path)
        if self._by_folder:
            return f"{self._open(path.parent, os.O_DIRECTORY, stat.S_IXOTH)}/{path.name}"
        return self._open(path, 0, stat.S_IROTH)

    def _open(self, path: Path, flags: int, wanted: int) -> str:
        if path not in self._opened:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
            self._stack.callback(os.close, descriptor)
            self._opened[path] = descriptor
            mode = os.fstat(descriptor).st_mode
            if wanted and not mode & wanted and self._identity:
                # Closed by our umask: opened to the group that children have and nobody else, not to everybody.
                os.fchown(descriptor, -1, self._identity.gid)
                os.fchmod(descriptor, stat.S_IMODE(mode) | wanted << 3)
        return f"/proc/self/fd/{self._opened[path]}"

    def _hand_over(self, folder: Path) -> str:
        assert self._identity
        handle = self._open(folder, os.O_DIRECTORY, 0)
        descriptor = self._opened[folder]
        self._stack.callback(_take_back, descriptor, os.fstat(descriptor))
        _give(descriptor, self._identity)
        return handle


@contextmanager
def given(params: dict[str, Any], identity: Identity | None) -> Iterator[Given]:
    """Hand over what `params` name for the time of the block; the child must be gone at its end."""
    with ExitStack() as stack:
        yield Given(params, identity, stack)


def _named(value: Any) -> Iterator[Input | Output]:
    if isinstance(value, Input | Output):
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _named(each)


def _give(descriptor: int, to: Identity) -> None:
    for _, folders, files, folder in os.fwalk(".", dir_fd=descriptor, follow_symlinks=False):
        for name in [*folders, *files]:
            # A second name may be that of a stored file, which must stay ours.
            if name in folders or os.stat(name, dir_fd=folder, follow_symlinks=False).st_nlink == 1:
                os.chown(name, to.uid, to.gid, dir_fd=folder, follow_symlinks=False)
    os.fchown(descriptor, to.uid, to.gid)
    os.fchmod(descriptor, 0o700)


def _take_back(descriptor: int, before: os.stat_result) -> None:
    """Make everything in the folder ours; links, pipes and the like are removed: they lead where the child wanted."""
    os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
    for _, folders, files, folder in os.fwalk(".", dir_fd=descriptor, follow_symlinks=False):
        for name in [*folders, *files]:
            kind = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            if stat.S_ISREG(kind) or stat.S_ISDIR(kind):
                os.chown(name, before.st_uid, before.st_gid, dir_fd=folder, follow_symlinks=False)
            else:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)
