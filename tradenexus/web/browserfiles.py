"""Browser files under names that carry their content's digest, so that browsers may keep them for good.

`collectstatic` copies every file to its own name and to `name.<digest>.ext`, and writes the hashed names into style
sheets and into the imports of our scripts; templates ask for the hashed name. The scripts of other people are served as
they are: they import nothing, and what looks like an import in them is often text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from whitenoise.storage import CompressedManifestStaticFilesStorage

STAMP = "collected"
FORMAT = "1"  # a change here or in a setting makes the next start collect again
_IMPORT = (
    r"""(?P<matched>(?P<lead>\b(?:from|import)\s*)["'](?P<url>\.{1,2}/[^"']+)["'])""",
    '%(lead)s"%(url)s"',
)
_URL = r"""(?P<matched>url\(['"]{0,1}\s*(?P<url>.*?)["']{0,1}\))"""


class HashedFiles(CompressedManifestStaticFilesStorage):
    """Collects files under hashed names, ready compressed; a file that a style sheet names and lacks is an error."""

    patterns = (("*.css", ((_URL, 'url("%(url)s")'),)), ("ui/*.js", (_IMPORT,)))

    def stored_name(self, name: str) -> str:
        """Return the hashed name; the plain one where nothing was collected yet, so that pages work all the same."""
        return super().stored_name(name) if self.hashed_files else name

    def get_modified_time(self, name: str) -> datetime:
        """Say that every copy is old: a source that came with an older time than its copy is news all the same."""
        return datetime.fromtimestamp(0, UTC)


def stamp() -> str:
    """Return a digest over name, size and time of every source file: equal as long as nothing changed."""
    told = hashlib.sha256(f"{FORMAT} {settings.STORAGES['staticfiles']} {settings.STATIC_URL}".encode())
    for line in sorted(_sources()):
        told.update(line.encode())
    return told.hexdigest()


def is_collected() -> bool:
    """Tell whether what lies collected was made of the files as they are now."""
    path = Path(settings.STATIC_ROOT)
    manifest = path / "staticfiles.json"
    return manifest.exists() and _read(path / STAMP) == stamp()


def note(value: str) -> None:
    """Write down what was collected; last, so that a collection that was cut off is made again."""
    (Path(settings.STATIC_ROOT) / STAMP).write_text(value)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _sources() -> Iterator[str]:
    finder: Any
    for finder in get_finders():
        for name, storage in finder.list([]):
            held = Path(storage.path(name)).stat()
            yield f"{getattr(storage, 'prefix', '') or ''}/{name} {held.st_size} {held.st_mtime_ns}\n"
