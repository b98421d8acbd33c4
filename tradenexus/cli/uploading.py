"""From a file on disk to an uploaded version: init (or join what an earlier run began), transfer, complete.

Several files go side by side, each with its own line on stderr. Ctrl-C once pauses all and prints how to go on; the
sessions are kept by the server. Running the same command again joins: the keys are derived from the file's identity.
"""

from __future__ import annotations

import os
import shlex
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tradenexus.cli import credentials, figures
from tradenexus.cli.client import new_key
from tradenexus.cli.failures import Clash, Failure, Interrupted, Missing
from tradenexus.cli.ledger import Entry, Ledger, identity
from tradenexus.cli.opening import content_type
from tradenexus.cli.progress import Board, Meter
from tradenexus.cli.transfer import CHUNK, Gone, Throttle, Transfer, gone

if TYPE_CHECKING:
    from tradenexus.cli.invocation import Invocation

PATIENCE_S = 120.0


@dataclass
class Parcel:
    """One file on its way: what init is told, and how far it is."""

    path: Path
    body: dict[str, Any]
    resume: str | None = None
    fresh: bool = False
    source: str = ""  # the URL it was fetched from
    meter: Meter = field(init=False)
    phase: str = "open"
    upload_id: str = ""
    result: dict[str, Any] | None = None
    failure: Failure | None = None

    def __post_init__(self) -> None:
        self.meter = Meter(self.path.stat().st_size)

    def line(self) -> tuple[str, str, int]:
        """Return the progress line: name, text, whole percent."""
        meter = self.meter
        return self.path.name, f"{self.phase}  {meter.text()}", meter.done * 100 // meter.total


class Sender:
    """Sends parcels; `stop` pauses all of them."""

    def __init__(self, nx: Invocation, *, rate_limit: int | None = None, chunk: int = CHUNK) -> None:
        self.nx = nx
        self.ledger = Ledger()
        self.stop = threading.Event()
        self.throttle = Throttle(rate_limit)
        self.chunk = chunk

    def send(self, parcels: list[Parcel], parallel: int) -> None:
        """Send all parcels, `parallel` at a time; each ends with a result or a failure. Interrupted when paused."""
        pool = ThreadPoolExecutor(max_workers=parallel)
        pending = {pool.submit(self._one, parcel) for parcel in parcels}
        try:
            with Board(quiet=self.nx.options.quiet) as board:
                while pending:
                    ended, pending = wait(pending, timeout=0.25)
                    board.show(_lines(parcels))
                    for future in ended:
                        future.result()
        except KeyboardInterrupt:
            self._pause(pool)
            raise self._interrupted(parcels) from None
        pool.shutdown()

    def _pause(self, pool: ThreadPoolExecutor) -> None:
        self.stop.set()
        try:
            pool.shutdown(cancel_futures=True)
        except KeyboardInterrupt:
            os._exit(130)  # the second Ctrl-C: leave at once, the server keeps what arrived

    def _interrupted(self, parcels: list[Parcel]) -> Interrupted:
        waiting = [parcel for parcel in parcels if parcel.result is None]
        paused = next((parcel for parcel in waiting if parcel.upload_id), None)
        hint = (
            f"nexus upload --resume {paused.upload_id} {shlex.quote(str(paused.path))}"
            if paused and len(waiting) == 1
            else "the same command again"
        )
        done = "; ".join(f"{parcel.path.name} at {parcel.meter.text()}" for parcel in waiting)
        return Interrupted("paused; the server keeps what arrived", why=done, hint=hint)

    def _one(self, parcel: Parcel) -> None:
        try:
            parcel.result = self._deliver(parcel)
            parcel.phase = "done"
        except Failure as failure:
            parcel.failure = failure
            parcel.phase = "paused" if isinstance(failure, Interrupted) else "failed"

    def _deliver(self, parcel: Parcel) -> dict[str, Any]:
        entry = self._entry(parcel)
        with self.ledger.locked(entry):
            while True:
                earlier = self._finished_earlier(entry)
                if earlier is not None:
                    return earlier
                try:
                    return self._advance(parcel, entry)
                except Gone:
                    if parcel.resume:
                        raise gone(parcel.resume) from None
                    entry = Entry(entry.identity, entry.path, entry.size_bytes, entry.server, entry.generation + 1)
                    self.ledger.save(entry)

    def _entry(self, parcel: Parcel) -> Entry:
        if parcel.resume:
            return self._named_session(parcel)
        stat = parcel.path.stat()
        server, account = credentials.origin(self.nx.config["url"]), self.nx.config.profile.text
        destination = repr(sorted(parcel.body.items()))
        name = identity(server, account, parcel.path, stat, destination)
        entry = self.ledger.find(name) or Entry(name, str(parcel.path.resolve()), stat.st_size, server)
        if parcel.fresh:
            entry = Entry(name, entry.path, entry.size_bytes, server, entry.generation + 1)
        return entry

    def _named_session(self, parcel: Parcel) -> Entry:
        upload_id = str(parcel.resume)
        known = self.ledger.find_upload(upload_id)
        if known is not None and known.server == credentials.origin(self.nx.config["url"]) and known.state != "done":
            return known
        body = self.nx.client.get(f"/v1/uploads/{upload_id}")
        session = body.get("upload") or body
        if session.get("concat") == "partial":
            raise Clash(
                f"{upload_id} is one part of a file that another program sends in several",
                code="UPLOAD_IS_PARTIAL",
                hint="go on with the program that began it",
            )
        return Entry(
            identity=upload_id,
            path=str(parcel.path.resolve()),
            size_bytes=parcel.path.stat().st_size,
            server=credentials.origin(self.nx.config["url"]),
            upload_id=upload_id,
            upload_url=session.get("uploadUrl") or f"/v1/uploads/{upload_id}",
            dataset_id=session.get("datasetId"),
            version_id=session.get("versionId"),
        )

    def _finished_earlier(self, entry: Entry) -> dict[str, Any] | None:
        """Return the result of an earlier run on the same file, while what it made is still there."""
        if entry.state != "done":
            return None
        found = self._earlier(entry)
        if found is None:
            entry.generation, entry.state, entry.upload_id, entry.upload_url = entry.generation + 1, "open", None, None
            return None
        self.nx.out.note(f"{Path(entry.path).name}: sent before as {entry.dataset_id} (anew: --no-resume)")
        return found

    def _earlier(self, entry: Entry) -> dict[str, Any] | None:
        try:
            versions = list(self.nx.client.pages(f"/v1/datasets/{entry.dataset_id}/versions"))
            session = self.nx.client.get(f"/v1/uploads/{entry.upload_id}", patience_s=PATIENCE_S)["upload"]
        except Missing:
            return None
        mine = next((version for version in versions if version["id"] == entry.version_id), None)
        if mine is None or (mine["status"] == "archived" and not session.get("duplicateOf")):
            return None
        return _result(entry, mine, None) | {"duplicateOf": session.get("duplicateOf")}

    def _advance(self, parcel: Parcel, entry: Entry) -> dict[str, Any]:
        if entry.upload_url is None:
            self._open(parcel, entry)
        parcel.upload_id = entry.upload_id or ""
        for _ in range(3):
            if entry.state == "open":
                self._transfer(parcel, entry)
            parcel.phase = "finalise"
            try:
                return self._complete(entry)
            except Clash as clash:
                if clash.code != "UPLOAD_INCOMPLETE":
                    raise
                entry.state = "open"
        raise Clash(
            "the server keeps saying that bytes are missing",
            code="UPLOAD_INCOMPLETE",
            hint=f"nexus session list, {entry.upload_id}",
        )

    def _open(self, parcel: Parcel, entry: Entry) -> None:
        body = {
            "filename": parcel.path.name,
            "contentType": content_type(parcel.path),
            "sizeBytes": entry.size_bytes,
            **parcel.body,
        }
        key = entry.key("init") if not parcel.fresh else None
        answer = self.nx.client.post("/v1/datasets/uploads:init", body, key=key, patience_s=PATIENCE_S)
        entry.upload_id, entry.upload_url = answer["uploadId"], answer["uploadUrl"]
        entry.dataset_id, entry.version_id = answer["datasetId"], answer["versionId"]
        limits = answer.get("chunk") or {}
        self.chunk = max(int(limits.get("minBytes") or 1), min(self.chunk, int(limits.get("maxBytes") or self.chunk)))
        self.ledger.save(entry)

    def _transfer(self, parcel: Parcel, entry: Entry) -> None:
        parcel.phase = "transfer"
        transfer = Transfer(
            self.nx.client,
            parcel.path,
            urlsplit(str(entry.upload_url)).path,
            chunk=self.chunk,
            throttle=self.throttle,
            stop=self.stop,
            moved=parcel.meter.advance,
            resumed=lambda offset: self._resumed(parcel, offset),
        )
        entry.sha256 = transfer.run()
        entry.state = "sent"
        self.ledger.save(entry)

    def _resumed(self, parcel: Parcel, offset: int) -> None:
        parcel.meter.restart(offset)
        if offset:
            self.nx.out.note(f"{parcel.path.name}: going on at {figures.pair(offset, parcel.meter.total)}")

    def _complete(self, entry: Entry) -> dict[str, Any]:
        body = {"uploadToken": entry.upload_id, "sha256": entry.sha256}
        path = f"/v1/datasets/{entry.dataset_id}/uploads:complete"
        # A new key each time: an upload that was given back is to be completed anew, not to be told its first answer.
        answer = self.nx.client.post(path, body, key=new_key(), patience_s=PATIENCE_S)
        entry.state = "done"
        self.ledger.save(entry)
        told = {"version": answer.get("version"), "status": (answer.get("dataset") or {}).get("status")}
        return _result(entry, told, answer.get("job")) | {"duplicateOf": answer.get("duplicateOf")}


def _result(entry: Entry, version: dict[str, Any], job: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "file": entry.path,
        "datasetId": entry.dataset_id,
        "versionId": entry.version_id,
        "version": version.get("version"),
        "uploadId": entry.upload_id,
        "sizeBytes": entry.size_bytes,
        "sha256": entry.sha256,
        "status": version.get("status"),
        "duplicateOf": None,
        "job": job,
    }


def _lines(parcels: list[Parcel]) -> list[tuple[str, str, int]]:
    """Return at most four active files, then the total when there are several."""
    active = [parcel for parcel in parcels if parcel.phase in ("transfer", "finalise")]
    lines = [parcel.line() for parcel in active[:4]]
    if len(parcels) > 1:
        done, total = sum(p.meter.done for p in parcels), sum(p.meter.total for p in parcels)
        ended = sum(p.phase in ("done", "failed") for p in parcels)
        lines.append(
            (
                f"{ended}/{len(parcels)} files",
                f"{figures.percent(done, total)}  {figures.pair(done, total)}",
                done * 100 // total,
            )
        )
    return lines
