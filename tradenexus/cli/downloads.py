"""Fetching a file: into `NAME.part` with ranged resume, SHA-256 verified, then renamed.

A name that the server proposes is only ever used as a plain file name in the chosen folder; an existing file is not
replaced without --yes.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stamina

from tradenexus.cli.client import Cut
from tradenexus.cli.failures import Clash, Failure, Interrupted, Unreachable

if TYPE_CHECKING:
    from tradenexus.cli.client import Answer, Client, Elsewhere

PATIENCE_S = 180.0
_UNSAFE = re.compile(r"[^\w.+=@-]+")


class _Limited(Cut):
    """The server says that we ask too often."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"the server answered {answer.status}")
        self.answer = answer


def _again(error: Exception) -> bool | float:
    """Tell whether to go on after an error, or the seconds that the server wants us to wait first."""
    if isinstance(error, _Limited):
        wait_s = error.answer.retry_after_s
        return True if wait_s is None else wait_s if wait_s <= PATIENCE_S else False
    return isinstance(error, Cut)


class Download:
    """One file being fetched to `target`. `moved(done, total)` is told about progress."""

    def __init__(self, client: Client | Elsewhere, path: str, params: dict[str, Any], target: Path,
                 moved: Callable[[int, int], None] | None = None) -> None:  # fmt: skip
        self.client = client
        self.url = path
        self.params = params
        self.target = target
        self.part = target.with_name(target.name + ".part")
        self.stamp = target.with_name(target.name + ".part.etag")
        self.moved = moved or (lambda done, total: None)
        self.sha256 = ""
        self.etag = ""

    def run(self) -> str:
        """Fetch, verify and rename; returns the SHA-256."""
        try:
            for attempt in stamina.retry_context(
                on=_again,
                attempts=20,
                timeout=PATIENCE_S,
                wait_initial=0.2,
                wait_max=10.0,
            ):
                with attempt:
                    self._fetch()
        except _Limited as error:
            raise error.answer.failure("download") from error
        except Cut as error:
            raise Unreachable(
                f"the connection to {self.client.url} broke again and again",
                why=str(error),
                hint="run the same command again",
            ) from error
        except KeyboardInterrupt:
            raise Interrupted(f"paused; {self.part.name} is kept", hint="run the same command again") from None
        return self._verify()

    def _fetch(self) -> None:
        have = self.part.stat().st_size if self.part.exists() else 0
        etag = self.stamp.read_text("utf-8").strip() if have and self.stamp.exists() else ""
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if have and etag:
            headers |= {"Range": f"bytes={have}-", "If-Range": etag}
        with self.client.stream(self.url, self.params, headers) as (answer, blocks):
            if answer.status == 416 and have and digest_of({"etag": etag}) == self._digest():
                return
            if have and (answer.status == 416 or (answer.status == 206 and answer.headers.get("etag") != etag)):
                self.part.unlink()
                raise Cut("the file changed at the server, beginning anew")
            if answer.status == 429:
                raise _Limited(answer)
            if answer.status in (502, 503, 504):
                raise Cut(f"the server answered {answer.status}")
            if answer.status not in (200, 206):
                raise answer.failure("download")
            self._take(answer, blocks, have if answer.status == 206 else 0)

    def _take(self, answer: Answer, blocks: Any, have: int) -> None:
        if answer.status == 206 and not answer.headers.get("content-range", "").startswith(f"bytes {have}-"):
            raise Failure("the server sent another range than asked", why=answer.headers.get("content-range", ""))
        self.sha256 = digest_of(answer.headers) or self.sha256
        length = answer.headers.get("content-length")
        total = have + int(length) if length else 0
        self.stamp.write_text(answer.headers.get("etag", ""), "utf-8")
        done = have
        with self.part.open("ab" if have else "wb") as stream:
            for block in blocks:
                stream.write(block)
                done += len(block)
                self.moved(done, total)
            stream.flush()
            os.fsync(stream.fileno())
        if total and done != total:
            raise Cut(f"{done} of {total} bytes came")

    def _digest(self) -> str:
        digest = hashlib.sha256()
        with self.part.open("rb") as stream:
            for block in iter(lambda: stream.read(1 << 20), b""):
                digest.update(block)
        return digest.hexdigest()

    def _verify(self) -> str:
        found = self._digest()
        if self.sha256 and found != self.sha256:
            self.part.unlink()
            self.stamp.unlink(missing_ok=True)
            raise Failure(
                "the file that came is not the file that was promised",
                code="CHECKSUM_MISMATCH",
                why=f"SHA-256 {found}, promised {self.sha256}",
                hint="run the same command again",
            )
        os.replace(self.part, self.target)
        self.stamp.unlink(missing_ok=True)
        return found


def digest_of(headers: dict[str, str]) -> str:
    """Return the SHA-256 (hex) that an answer promises for the whole file; empty when it promises none."""
    for name in ("repr-digest", "digest"):
        match = re.search(r"sha-256=:?([A-Za-z0-9+/]{43}=):?", headers.get(name, ""), re.IGNORECASE)
        if match:
            return base64.b64decode(match[1]).hex()
    for name in ("x-content-sha256", "x-checksum-sha256", "etag"):
        match = re.fullmatch(r'(?:W/)?"?(?:sha256[-:])?([0-9a-f]{64})"?', headers.get(name, ""))
        if match:
            return match[1]
    return ""


def safe_name(text: str) -> str:
    """Return a plain file name made of a proposed one: no folder, no leading dot, no control characters."""
    name = _UNSAFE.sub("_", text.replace("\\", "/").rsplit("/", 1)[-1]).lstrip(".")
    return name[:200] or "download"


def check_target(target: Path, *, replace: bool) -> Path:
    """Refuse a target that exists (unless `replace`) or whose folder does not."""
    if target.exists() and not replace:
        raise Clash(f"{target} exists", code="FILE_EXISTS", hint="another --out, or --yes to replace it")
    if not target.parent.is_dir():
        raise Failure(f"there is no folder {target.parent}", code="NO_FOLDER")
    return target
