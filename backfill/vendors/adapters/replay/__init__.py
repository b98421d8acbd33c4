"""Replay: local files as a vendor, by a manifest. Offline, and no value is altered.

For recorded data and for tests. The manifest says which files hold which table and instruments and how their columns
map (`manifest`); `reading` reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backfill.vendors.adapters.replay import manifest
from backfill.vendors.adapters.replay.manifest import Source
from backfill.vendors.base import Capability, Facts, Page, Request
from backfill.vendors.errors import Malformed, NoData
from datasets.market import tables

NAME = "replay"
NEEDS = ("NEXUS_REPLAY_MANIFEST",)
READS = ("NEXUS_REPLAY_ROOT",)


def connect(settings: Mapping[str, Any]) -> Replay:
    """Return the vendor of a manifest: NEXUS_REPLAY_MANIFEST is its path, or what `carried` gave; ManifestBroken."""
    if "sources" in settings:
        return Replay(manifest.parse({"sources": settings["sources"]}), Path(), settings["files"])
    path = Path(settings["NEXUS_REPLAY_MANIFEST"])
    root = Path(settings.get("NEXUS_REPLAY_ROOT") or path.parent)
    return Replay(manifest.load(path), root)


class Replay:
    """The files of a manifest, below `root`; `opened` are other paths under which a child finds them."""

    offline = True

    def __init__(self, sources: Sequence[Source], root: Path, opened: Mapping[str, str] | None = None):
        self._sources, self._root, self._opened = sources, root, opened

    @property
    def capabilities(self) -> Sequence[Capability]:
        """One a table: the instruments that its files are said to hold."""
        names: dict[str, set[str]] = {}
        types: dict[str, set[str]] = {}
        since: dict[str, set[int | None]] = {}
        for source in self._sources:
            names.setdefault(source.table, set()).update(source.instruments)
            types.setdefault(source.table, set()).add(source.facts.get("type", ""))
            since.setdefault(source.table, set()).add(source.since_ns)
        return [
            Capability(
                table,
                tables.find(table).interval,
                tuple(sorted(types[table] - {""})),
                (),
                frozenset(held),
                # One source that does not say it may have anything.
                None if None in since[table] else min(each for each in since[table] if each is not None),
            )
            for table, held in sorted(names.items())
        ]

    def describe(self, instrument: str) -> Facts:
        """Return the facts of the first source that holds the instrument."""
        return next((source.facts for source in self._sources if instrument in source.instruments), {})

    def carried(self, requests: Sequence[Request]) -> dict[str, Any]:
        """Return the sources that these requests need, with their files."""
        needed = [source for source in self._sources if any(_holds(source, each) for each in requests)]
        files = {name: self._root / name for source in needed for name in source.files}
        gone = sorted(name for name, path in files.items() if not path.is_file())
        if gone:
            raise Malformed(f"the manifest names a file that is not there: {gone[0]}", {"files": gone[:20]})
        return {"sources": [source.raw for source in needed], "files": files}

    def fetch(self, request: Request) -> Iterator[Page]:
        """Yield a page a file, for the range from its first row to the end of its last bar, cut to the request."""
        # It brings pyarrow: only who is asked for rows pays for it.
        from backfill.vendors.adapters.replay import reading

        held = [source for source in self._sources if _holds(source, request)]
        if not held:
            raise NoData(f"no file of the manifest holds {request.table} of {request.instrument}")
        fetched_at, any_rows = datetime.now(UTC), False
        for source in held:
            for name in source.files:
                rows = reading.rows(source, self._path(name), request.instrument)
                for start, end, part in reading.cut(source, rows, request.start_ns, request.end_ns):
                    any_rows = True
                    yield Page(part, start, end, fetched_at)
        if not any_rows:
            raise NoData(f"the files hold no {request.table} of {request.instrument} in this range", benign=True)

    def _path(self, name: str) -> str:
        return self._opened[name] if self._opened is not None else str(self._root / name)


def _holds(source: Source, request: Request) -> bool:
    return source.table == request.table and request.instrument in source.instruments
